// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import "sync/atomic"

// Writer panics if two goroutines write at one time. The zero value is ready for use.
type Writer struct{ writing atomic.Bool }

// Begin begins a write, and returns what ends it.
func (w *Writer) Begin() (end func()) {
	if !Enabled {
		return func() {}
	}
	if w.writing.Swap(true) {
		panic("invariants: two goroutines write at one time")
	}
	return func() { w.writing.Store(false) }
}

// Must panics with a message if what must hold does not.
func Must(err error) {
	if err != nil {
		panic("invariants: " + err.Error())
	}
}
