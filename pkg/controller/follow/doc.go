// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package follow is the loop with which a controller follows the engine: look at the
// whole state once, then at what each new revision changed, and at the whole state again
// whenever the changes are not known.
//
//	cursor.go  how far a controller has read the log, and what revisions changed
//	loop.go    wait, look, and wait again
//
// # Promises
//
// No change is missed: the loop takes the channels that wake it before it looks at the
// view. A controller sees each revision once, in order. Where the view does not reach back
// to the last revision that the controller saw, or etcd was restored to an earlier one, the
// controller gets the whole view instead.
//
// # Costs
//
// A wake-up costs the changes since the last one. The loop itself allocates a few hundred
// bytes for each wait.
//
// # Concurrency
//
// A Cursor and a Loop belong to one goroutine at a time. The loop calls the functions of
// its controller one at a time, in its own goroutine.
package follow
