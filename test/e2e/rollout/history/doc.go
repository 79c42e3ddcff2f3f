// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package history reads etcd's history of a roll-out, revision by revision, and says
// what in it breaks a promise. It knows the form of records and what they mean
// (package registry), and the specification; of the code that wrote them it uses
// nothing else: which Clusters are targeted, in which form, the ID of that, and how many
// may be unavailable is worked out here once more.
//
//	facts.go    the records, folded
//	told.go     what they tell every agent
//	change.go   which changes of that a revision may make
//	limits.go   caps and gates (S 6.4)
//	seen.go     what agents saw, against what they were to see
//	history.go  the walk over all revisions
//
// The promises, at every revision:
//
//   - No cap is exceeded: an available Cluster is promoted only while its ring,
//     and all, are below their limits, and while earlier rings are through.
//   - Nothing is promoted but the newest version, in the form that the Cluster is to
//     have; and nothing but a promotion record promotes what is held back.
//   - What is promoted is not taken back and not lost while the Cluster is targeted.
//   - A paused Cluster keeps what it has.
//   - An agent that reads at a revision, or is told of it, sees what its facts say.
//
// A History belongs to one goroutine.
package history
