// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package engine turns the log of facts into views. One goroutine takes whole revisions in
// order, applies them to the state (package state), and publishes an immutable view.
//
// Promises: a published view holds whole revisions only; the swap comes before the wake-up;
// nothing goes backwards; the same facts give the same view on every replica and after every
// restart. A record that cannot be decoded is reported, and harms only its own object.
//
// Current, WaitFor, Barrier, Plan and all questions are safe for concurrent use.
//
//	engine.go     the engine: Run follows the log, applies, publishes and wakes
//	load.go       the state at a revision, from all records
//	arrive.go     decodes revisions before their turn
//	replay.go     replays revisions at a start, so that clients resume
//	barrier.go    reads that hold everything committed before; the pulse
//	readiness.go  whether this replica may answer, and what is missing
//	lineage.go    whether etcd continues the history of the state, or was restored
//	closed.go     keeps a restored etcd from clients until an operator opens it
//	compare.go    what agents would do if they saw other BundleDeployments
//	newer.go      records of a format that only a newer version knows
//	audit.go      comparisons of the state with what the records mean
//	ask.go        questions to the state, and plans on it
//	stats.go      numbers
//	observe.go    durations
//
// # When etcd is restored
//
// The etcd client dials the same addresses and resumes the watch where it stopped, whatever
// etcd answers. So the client does not notice that an etcd was restored from a snapshot. The
// restored etcd sends nothing until it has passed the revision of the watch. Then it sends
// what follows; any difference before that stays unknown for ever. Three things reveal a
// restored etcd:
//
//	another cluster ID   in the answer to a quorum read or in the watch (etcd.ErrReplaced)
//	a revision below     one that was known before the read began (ErrRewound)
//	compaction           of the revision at which the watch resumes (etcd.ErrCompacted)
//
// After each of these the engine loads the state anew and keeps no history from before. A
// client that resumes from the lost history gets 410 and lists again. While etcd's revision is
// below the newest one seen, nothing is served, because revisions would have another meaning
// than before. What was published remains until then, so nothing goes backwards. The engine
// does not notice a cluster that is restored ahead, with the token of the lost one and without
// compaction of its history. Therefore docs/backup.md restores with a new token, a bump and
// --mark-compacted.
package engine
