// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package summary sums BundleDeployments up into the statuses of Bundles, Clusters,
// ClusterGroups, GitRepos and HelmOps: S 7.
//
// It holds pure functions, and one collection that makes them cheap:
//
//	deployment.go  one BundleDeployment: its state, message and entry in a summary
//	weight.go      what a member adds to a roll-up
//	ranked.go      members in order, with sums by rank (Ranked)
//	check.go       what must hold in a Ranked
//	fill.go, insert.go, remove.go, query.go   its operations
//	summary.go     sums and entries as a summary, and the Ready condition of one
//	print.go       objects that are modified or not ready, as texts in messages
//	bundle.go, cluster.go, group.go, repo.go   the derived fields of each kind
//	resources.go   the objects that a GitRepo or HelmOp has deployed
//	room.go        how much of them, and of the counts of Clusters, there is room for
//
// What a status function does not name is not derived, and stays what was
// reported. A status function replaces slices and maps and never writes into
// them, so that it may be given a shallow copy of a shared status. What it
// returns shares strings and lists with the reports.
//
// Nothing here has a clock: derived conditions carry no times. Where Fleet's
// order is arbitrary the caller has to give a total one, so that every replica
// shows the same text.
//
// A status is bounded as one that is stored is by etcd. What is left out is counted: in a
// condition Truncated, or in the message of the entry that was cut. An object has that
// condition only then.
//
// Costs: Ranked is O(log n) for each change and query, plus the weighing of up to
// 64 members; the status functions are O(entries), which are 10, or 19 in a
// group; Resources is O(n log n) in what is read of the reports.
//
// The functions are safe for concurrent use, a Ranked is not.
package summary
