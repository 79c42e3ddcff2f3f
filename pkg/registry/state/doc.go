// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package state holds everything that follows from the records at one revision. It applies
// revisions of the log to that state. It also plans writes: a plan says what a write has to
// record beside its object.
//
// Only one goroutine applies. Questions and plans only read, under the lock of the caller
// (package engine). Nothing here waits for etcd.
//
// A change costs what it affects. An edit of a Cluster's labels visits the selectors that it
// flips, the BundleDeployments of that Cluster whose templates read the changed labels
// (readers.go), and the groups that the Cluster enters or leaves. An edit of a Bundle visits
// the Clusters that it targets.
//
// # The data
//
//	bundle ──newest──► version ──pairs──► pair (match, content)
//	   └────fallback─► version                  │
//	cluster ◄───────────────────────────────────┘
//
// A bundle has one version, or two while the newest one fails (a pin says so). It has one
// more while that is the base of a roll-out. Each version has a pair for every cluster that
// it targets. The version in force gives the BundleDeployments. A Bundle or Cluster has no
// pairs while it is being deleted, or if no valid BundleDeployment can be named after it
// (barred.go).
//
// # The files, in the order of their dependencies
//
//	state.go         the tables; the types bundle, version, cluster and pair
//	decode.go        decodes records before they are applied, and all of them at a load
//	apply.go         applies a revision: enters its records, and notes what they affect
//	mirror.go        outside facts: labels of Namespaces, values, copies
//	reports.go       reports that no BundleDeployment shows
//	rules.go         mappings, restrictions and Policies of a namespace
//	groups.go        ClusterGroups and their members
//	clusters.go      Clusters, and what an edit of one affects
//	bundles.go       Bundles, their pins, and which Clusters they are matched with
//	barred.go        Bundles and Clusters that can have no BundleDeployments
//	readers.go       which templates read which parts of a Cluster
//	evaluate.go      a version on a cluster; which version is in force; why one fails
//	hold.go          what a pair shows while something is held back
//	hold_take.go     promotion and rollout records
//	hold_rollout.go  one Bundle's roll-out, as its controller sees it
//	claim.go         which pair has a BundleDeployment's name
//	publish.go       brings the tables of BundleDeployments up to date with the pairs
//	rollup.go        passes changes on to the ledger
//	first.go         the first revision, which matches all Bundles with all Clusters
//	questions.go     questions of the engine, of controllers and of metrics
//	check.go         invariants between the parts of a state
//	unused.go        records that no longer decide anything
//	plan.go          chooses the plan of a write, and its guards; see below
//
// Package undecodable, below this one, keeps track of the records that cannot be decoded.
//
// A restart takes another way than edits do (first.go), but must change nothing except
// resourceVersions. The random histories of the tests compare the two ways.
//
// # Plans
//
// A plan is made from one state. It holds only if everything that it read is unchanged at the
// commit. Six guards check that:
//
//	targeting guard   compared by all writes that evaluate Bundles on Clusters; written
//	                  by writes that change what others evaluate: rules, groups
//	versions guard    compared by writes that evaluate Bundles other than their own:
//	                  edits of clusters, rules, groups; written by a version that
//	                  can fail, is held back or replaces one, by the
//	                  acceptance of a version, and by the deletion of a Bundle
//	                  that shares its name with one in another namespace
//	clusters since    "it fails nowhere" depends on all clusters that a bundle may target,
//	                  and so does "these BundleDeployments end with the old one"
//	one witness       "it fails" depends on one cluster on which it fails
//	the pin           of two writes that read different pins, only one changes the pin
//	names guard       of one Bundle name; compared and written by each write that lets
//	                  a Bundle claim more, where Bundles of several namespaces can
//	                  claim the same name
//
// A plan reads the state under its lock. It evaluates slow templates without the lock, and then
// starts over (plan_warm.go).
//
// A label edit writes none of these guards, so label edits do not refuse each other; nor do
// versions of different Bundles.
//
// A plan mirrors what apply will do:
//
//	plan_bundle.go    a Bundle, a first or a new version          bundles.go
//	plan_cluster.go   a Cluster, by its labels and its deletion   clusters.go
//	plan_rules.go     mappings, restrictions, Policies, groups    rules.go, groups.go
//	plan_mirror.go    outside facts                               mirror.go
//	plan_accept.go    pending versions that work after the write  evaluate.go
//	plan_contest.go   names that other pairs have                 claim.go
//	plan_hold.go      what is held back                           hold.go
//	plan_records.go   the records that it writes and deletes
//	plan_fit.go       splits what does not fit into one transaction
//	plan_warm.go      the passes of a plan, and slow templates
//
// A plan could also apply its write, look, and undo it. That was measured, with an apply of the
// old object as the undo. It takes no memory, but it holds the lock for itself and takes
// longer: for a label edit, 65 microseconds (a hundredth of the time of its PATCH) instead of
// 8, and for a Bundle on 10,000 Clusters, 34 ms instead of 9. Nothing else could be read,
// planned or applied in that time, and the guards would remain. If pairs move from maps to
// trees that copy on write (55 bytes for each pair instead of 74), a fork is a copy of their
// roots, and needs neither the lock nor an undo.
//
// # Names that several pairs claim
//
// A BundleDeployment's name consists of the Bundle's name and the Cluster's namespace for
// BundleDeployments. So Bundles of several namespaces may claim one name, and so may Clusters
// that share a namespace. claim.go says which one has it, and plan_contest.go what a write
// records of that.
//
// # What is held back
//
// hold.go says what a held pair shows. That follows from three records: the promotion record
// of a BundleDeployment, the rollout record of a Bundle, and a guard:
//
//	rollout guard    of one Bundle; compared by promotions and by the end of a base;
//	                 written by each write that may bring the Bundle closer to a limit
//	                 (reports and edits of clusters), or make more pairs follow a base
//
// A plan looks at every affected pair that is held after the write and was shown before it. If
// such a pair would show something else, the write records what was shown (plan_hold.go). A
// label edit on a cluster that is not paused looks only at the Bundles that it affects, and at
// those with partitions of their own, because no index knows what partitions select.
//
// # What fits into one transaction
//
// etcd takes 128 operations by default, guards included, and 1.5 MiB. Any number of puts and
// deletes fits, because they nest. Guards do not nest. A plan with many guards therefore
// guards whole ranges of keys by revision. It also guards the removal guard of their type,
// because etcd does not see a deletion in a range (plan_fit.go, etcd/guard.go). Such a plan
// is refused more often, by any write in the range, and is planned anew. It never holds where
// guards of single records would not.
//
// Pins, promotions and bases are packed. Where the records still exceed 1.5 MiB, some are
// written before the write, a step at a time (Plan.First), and the write is planned anew
// after each step. A step changes nothing by itself. A crash after one leaves:
//
//	promotions of held pairs   that say what the pairs show already. So they change
//	                           nothing, until a roll-out or the controller's sweep
//	                           replaces them.
//	pins of a Cluster          in addition to those that it needs. Pins of a version that
//	                           works are not read, and the next edit of the Cluster that
//	                           writes its pins removes them.
//	a content                  that no Bundle refers to (storage). The sweep removes it.
//
// A single record that is larger than 1.5 MiB cannot be written. The write is refused for its
// size.
package state
