// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import "sync/atomic"

// Writer panics if two goroutines write at the same time. The zero value is ready for use.
type Writer struct{ writing atomic.Bool }

// Begin begins a write. The caller must call end when the write is complete.
func (w *Writer) Begin() (end func()) {
	if !Enabled {
		return func() {}
	}
	if w.writing.Swap(true) {
		panic("invariants: two goroutines write at one time")
	}
	return func() { w.writing.Store(false) }
}

// Must panics if err is not nil.
func Must(err error) {
	if err != nil {
		panic("invariants: " + err.Error())
	}
}
