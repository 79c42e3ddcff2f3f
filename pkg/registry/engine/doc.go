// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package engine turns the log of facts into views: one goroutine takes whole revisions in
// order, applies them to the state (package state), and publishes an immutable view.
//
// Promises: a published view holds whole revisions only; the swap comes before the
// wake-up; nothing goes backwards; the same facts give the same view on every replica and
// after every restart. A record that cannot be decoded is reported and harms nothing but
// its own object.
//
// Current, WaitFor, Barrier, Plan and all questions are safe for concurrent use.
//
//	engine.go     the engine: Run follows the log, applies, publishes and wakes
//	load.go       the state at a revision, from all records
//	arrive.go     revisions are decoded before their turn
//	replay.go     a start replays revisions, so that clients resume
//	barrier.go    reads that hold what was committed before; the pulse
//	readiness.go  whether this replica may answer, and what is missing
//	lineage.go    whether etcd continues the history that the state is of
//	newer.go      records of a format that only a newer version knows
//	audit.go      comparisons of the state with what the records mean
//	ask.go        questions to the state, and plans on it
//	stats.go      numbers
//	observe.go    durations
//
// # When etcd is restored
//
// The etcd client dials the same addresses and resumes the watch where it was,
// whoever answers. So an etcd that was restored from a snapshot is not noticed by
// itself: it says nothing until it has passed the revision of the watch, and then
// tells of what comes after; what differs before stays unknown for ever. Three
// things break that off:
//
//	another cluster ID   in the answer to a quorum read or in the watch (etcd.ErrReplaced)
//	a revision below     one that was known before the read began (ErrRewound)
//	compaction           of the revision that the watch resumes at (etcd.ErrCompacted)
//
// After each the state is loaded anew, at the present, and no history before it is
// kept: who resumes from the lost one gets 410 and lists again. While etcd's
// revision is below what was seen, nothing is served: revisions would mean other
// things than they did. What was published stays until then, and nothing goes
// backwards. A cluster that is restored ahead, with the token of the lost one and
// its history open, is not noticed; docs/operations.md restores with a
// new token, a bump and the mark.
package engine
