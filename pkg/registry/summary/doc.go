// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package summary sums BundleDeployments up into the statuses of Bundles, Clusters,
// ClusterGroups, GitRepos and HelmOps (S 7).
//
// It holds pure functions, and one collection that makes them cheap:
//
//	deployment.go  one BundleDeployment: its state, message and entry in a summary
//	weight.go      what a member adds to a roll-up
//	ranked.go      members in order, with sums by rank (Ranked)
//	check.go       the invariants of a Ranked
//	fill.go, insert.go, remove.go, query.go   its operations
//	summary.go     sums and entries as a summary, and the Ready condition of one
//	print.go       objects that are modified or not ready, as texts in messages
//	bundle.go, cluster.go, group.go, source.go   the derived fields of each kind
//	resources.go   the objects that a GitRepo or HelmOp has deployed
//	room.go        limits on these objects, and on the counts of Clusters
//
// Fields that a status function does not name are not derived and stay as reported. A
// status function replaces slices and maps and never writes to them, so a shallow copy of a
// shared status is enough as its argument. Its result shares strings and lists with the
// reports.
//
// No function here reads a clock: derived conditions have no times. Where Fleet's order is
// arbitrary the caller has to give a total one, so that every replica shows the same text.
//
// A derived status has a limit on its size, as a stored one has in etcd. A condition
// Truncated, or the message of a cut entry, counts what is left out. An object has the
// condition only if something is left out.
//
// Costs: a change or query of a Ranked is O(log n), plus weighing up to 64 members. The
// status functions are O(entries), with 10 entries, or 19 in a group. Resources is
// O(n log n) in the size of what it reads from the reports.
//
// The functions are safe for concurrent use; a Ranked is not.
package summary
