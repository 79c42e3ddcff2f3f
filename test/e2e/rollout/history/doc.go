// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package history reads etcd's history of a roll-out, revision by revision, and reports
// every broken promise in it. It knows the form and the meaning of records (package
// registry) and the specification, and uses nothing else from the code that wrote the
// records. It computes again which Clusters are targeted, in which form, the deployment ID,
// and how many Clusters may be unavailable.
//
//	facts.go    the records, folded
//	shown.go    what the facts show to every agent
//	change.go   the changes that a revision may make
//	limits.go   caps and gates (S 6.4)
//	seen.go     what agents saw, compared with what they should see
//	history.go  the walk over all revisions
//
// The promises, at every revision:
//
//   - No cap is exceeded: an available Cluster is promoted only while its ring, and all
//     Clusters, are below their limits, and while earlier rings are through.
//   - Only the newest version is promoted, in the form that the Cluster should have. Only a
//     promotion record promotes what is held back.
//   - What is promoted is neither taken back nor lost while the Cluster is targeted.
//   - A paused Cluster keeps what it has.
//   - An agent that reads at a revision, or gets its event, sees what the facts show.
//
// A History belongs to one goroutine.
package history
