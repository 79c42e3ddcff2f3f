// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps the statuses of Bundles, Clusters, ClusterGroups, GitRepos and HelmOps
// up to date, change by change (S 7). Package summary decides what each status says; this
// package knows which objects a change affects. What a reader gets is laid over what clients
// reported: see view/derived.go.
//
//	pair ──► Bundle ─────────────────┐ (a Ready condition that is False)
//	  │                              ▼
//	  └► BundleDeployment ──────► GitRepo, HelmOp
//	                      └─────► Cluster ──► ClusterGroup
//
// The state reports what happened: Moved, Pair, Unpair, Basis, Looks, PutGroup, Written.
// Close then brings all statuses up to date, the lower ones first. The ledger knows neither
// pins nor plans.
//
// Each object keeps its members in order, with sums by rank (summary.Ranked). So a change
// costs no scan, but a path through one tree for each of the four objects that it affects:
// O(log n) in the members of the Bundle, the Cluster, its group and the GitRepo. A GitRepo's
// list of deployed objects grows with their number, so it is made when the GitRepo is read.
//
// Sums need only the digest of a report. The reports of the first members that are not ready
// are decoded when a status starts to list them, and kept while it does (listing). Deployed
// objects are decoded once for all reports that list the same ones (objectLists). How much is
// read of one report is bounded (view.Report.Brief).
//
//	ledger.go      the ledger, and the order in which statuses are made
//	begin.go       the first revision, which enters everything at once
//	bundle.go      Bundles, and the pairs that they roll up
//	partition.go   the partitions of a Bundle's roll-out
//	cluster.go     Clusters
//	group.go       ClusterGroups
//	source.go      GitRepos and HelmOps
//	details.go     those of their lists that grow with the fleet, made on read
//	listing.go     what reports say, decoded only where a status shows it
//	check.go       invariants between roll-ups
//	deployment.go  what roll-ups read of one BundleDeployment
package ledger
