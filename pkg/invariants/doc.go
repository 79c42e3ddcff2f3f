// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package invariants holds checks that cost too much for production: nothing writes to what
// is published, sums equal a scan, the index holds exactly what is filed, only one goroutine
// writes. They run under the race detector, and with the build tag "invariants". A check that
// fails panics, because everything that follows from the state is wrong.
//
//	on.go      Enabled is true
//	off.go     Enabled is false: the compiler leaves the checks out
//	writer.go  one goroutine writes at a time; Must
//	frozen.go  published values do not change
package invariants
