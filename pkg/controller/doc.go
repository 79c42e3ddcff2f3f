// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller runs the loops that write what must be written and follows
// from nothing: promotions, mirrors, sweeps, what an agent needs of the core API.
//
//	manager.go   starts the loops, and starts again those that end
//	election.go  on one replica at a time
//	health.go    which of them fail
//
// # What a loop is
//
// A loop looks at how things are, and does what is missing. It keeps nothing that
// it could not find again, may be ended at any instruction, and does no harm when it
// runs twice at a time: its writes to the log are guarded by what it looked at, its
// writes to an API server by resourceVersion or by being the same. So leader
// election saves work, and nothing depends on it.
//
// One loop that fails, or panics, takes no other with it: it is started again,
// after a delay that grows.
//
// # Concurrency
//
// Add comes before Run. Check is safe for concurrent use.
package controller
