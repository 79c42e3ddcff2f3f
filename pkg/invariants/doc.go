// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package invariants holds checks that are too dear for production: what is published is
// not written to, sums equal a scan, the index holds what is filed, one goroutine writes.
// They are on under the race detector, and with the build tag "invariants". A check that
// fails panics, because what follows from the state is wrong.
//
//	on.go      Enabled is true
//	off.go     Enabled is false: the compiler leaves the checks out
//	writer.go  one goroutine writes at a time
//	frozen.go  published values do not change
package invariants
