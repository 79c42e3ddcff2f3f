// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps the statuses of Bundles, Clusters, ClusterGroups, GitRepos and
// HelmOps up to date, change by change (S 7). What each status says is decided in package
// summary; this package knows which objects a change affects.
//
//	pair ──► Bundle ─────────────────┐ (a Ready condition that is False)
//	  │                              ▼
//	  └► BundleDeployment ──────► GitRepo, HelmOp
//	                      └─────► Cluster ──► ClusterGroup
//
// The state tells the ledger what happened: Moved, Pair, Unpair, Basis, Looks, PutGroup,
// Written. Close then brings all statuses up to date, the lower ones first. The ledger
// knows neither pins nor plans.
//
// Each object keeps what it rolls up in order, with sums by rank (summary.Ranked). So a
// change costs a path through one tree for each of the four, O(log n) in what the Bundle,
// the Cluster, its group and the GitRepo have, and not a scan. A GitRepo's list of
// deployed objects grows with them; it is made when the object is read.
//
// Sums need only the digest of a report. The reports of the first members that are not
// ready are decoded when a status begins to list them, and kept while it does (listing).
// Deployed objects are decoded once for all reports that list the same (objectLists).
// What is read of one report is bounded (view.Report.Brief).
//
//	ledger.go      the ledger, and the order in which statuses are made
//	begin.go       the first revision, which enters everything at once
//	bundle.go      Bundles, and the pairs that they roll up
//	partition.go   the partitions of a Bundle's roll-out
//	cluster.go     Clusters
//	group.go       ClusterGroups
//	source.go      GitRepos and HelmOps
//	details.go     their lists that grow with the fleet, made on read
//	listing.go     what reports say, decoded only where a status shows it
//	check.go       what must hold between roll-ups
//	deployment.go  what roll-ups read of one BundleDeployment
package ledger
