// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package state holds everything that follows from the records at one revision. It applies
// a revision of the log, and plans a write: what it has to record beside its object.
//
// One goroutine applies. Questions and plans only read, under the lock of the caller
// (package engine); NewPlanner says how. Nothing here waits for etcd.
//
// Costs: a change costs what it affects. An edit of a Cluster's labels visits the selectors
// that it flips, the BundleDeployments of that Cluster whose templates read what it changes
// (readers.go) and the groups that it enters or leaves; a Bundle's edit visits the Clusters
// that it targets.
//
// # What there is
//
//	bundle ──newest──► version ──pairs──► pair (match, content)
//	   └────fallback─► version                  │
//	cluster ◄───────────────────────────────────┘
//
// A bundle has one version, or two while the newest fails (a pin says so), and one
// more while that is the base of a roll-out. Each version has a pair for every
// cluster that it targets. The version in force
// gives the BundleDeployments. What is being deleted has no pairs, and neither has
// what no BundleDeployment can be named after (barred.go).
//
// # The files, in the order in which one depends on another
//
//	state.go         the tables, and what a bundle, a version, a cluster, a pair are
//	decode.go        records decoded before they are applied; all of them, for a start
//	apply.go         a revision: its records enter the tables, and say what to do
//	mirror.go        outside facts: labels of Namespaces, values, copies
//	reports.go       reports on BundleDeployments that none shows
//	rules.go         mappings, restrictions and Policies of a namespace
//	groups.go        ClusterGroups, and who is in them
//	clusters.go      Clusters, and what an edit of one affects
//	bundles.go       Bundles, their pins, and which Clusters they are matched with
//	barred.go        Bundles and Clusters that can have no BundleDeployments
//	readers.go       which templates read what of a Cluster
//	evaluate.go      a version on a cluster; which version is in force; why one fails
//	hold.go          what a pair shows while something is held back
//	hold_take.go     promotion and rollout records
//	hold_rollout.go  one Bundle's roll-out, as its controller sees it
//	claim.go         which pair has a BundleDeployment's name
//	publish.go       the tables of BundleDeployments follow the pairs
//	rollup.go        what the ledger is told
//	first.go         the first revision, which meets all Bundles with all Clusters
//	questions.go     questions of the engine, of controllers and of metrics
//	check.go         what must hold between the parts of a state
//	unused.go        records that decide nothing any more
//	plan.go          plans, see below
//
// Package undecodable, below this one, knows the records that cannot be decoded.
//
// # The first revision
//
// The first revision of a state meets all Bundles with all Clusters (first.go), on all
// processors: where nothing was, nothing is looked up, and trees are filled in order
// instead of grown. It costs some microseconds for each pair, a third of what an edit
// costs. A restart must not show in anything but resourceVersions; the random histories
// of the tests compare both ways.
//
// # Plans
//
// A plan is made from one state, and holds only if what it looked at is still so
// at the commit. Six guards see to that:
//
//	targeting guard   compared by whoever evaluates; written by whoever changes what
//	                  others evaluate: rules, groups
//	versions guard    compared by whoever evaluates Bundles that it does not write:
//	                  edits of clusters, rules, groups; written by a version that
//	                  can fail, is held back or replaces one, by the
//	                  acceptance of a version, and by the deletion of a Bundle
//	                  that shares its name with one in another namespace
//	clusters since    "it fails nowhere" takes all clusters that a bundle may target,
//	                  and so does "these BundleDeployments end with the old one"
//	one witness       "it fails" takes one cluster on which it does
//	the pin           two writes that know another pin do not both change it
//	names guard       of one Bundle name; compared and written by what lets a Bundle
//	                  claim more, where Bundles of several namespaces can meet
//
// A plan reads the state under its lock, but evaluates templates that take long without
// it, in turns with other plans, and then starts over (plan_warm.go). It ends with its
// context. What took long is kept for the apply of the same write on this replica; a
// Bundle whose templates no Cluster can take is refused before (plan_warm.go).
//
// A label edit writes none of these, so label edits do not refuse each other; nor
// do versions of different Bundles.
//
// What a plan thinks of is what apply does:
//
//	plan_bundle.go    a Bundle, a first or a new version          bundles.go
//	plan_cluster.go   a Cluster, by its labels and its deletion   clusters.go
//	plan_rules.go     mappings, restrictions, Policies, groups    rules.go, groups.go
//	plan_mirror.go    outside facts                               mirror.go
//	plan_accept.go    pending versions that work after the write  evaluate.go
//	plan_contest.go   names that others have                      claim.go
//	hold_plan.go      what is held back                           hold.go
//	plan_records.go   the records that it writes and deletes
//	plan_fit.go       what one transaction takes
//	plan_warm.go      the passes of a plan, and templates that take long
//
// # Names that several claim
//
// A BundleDeployment's name is made of the Bundle's name and the Cluster's namespace for
// BundleDeployments, so Bundles of several namespaces may claim one, and Clusters that
// share a namespace. The claim that has a name keeps it (claim.go): the write that
// brings a claim which would take the name by the rule for names that nothing is
// recorded of, the older Bundle, records who has it (plan_contest.go).
//
// # What is held back
//
// hold.go says what a held pair shows. Three records are behind it: the promotion
// record of a BundleDeployment, the rollout record of a Bundle, and a guard:
//
//	rollout guard    of one Bundle; compared by promotions and by the end of a base;
//	                 written by what may bring the Bundle closer to a limit, reports
//	                 and edits of clusters, or make more follow from a base
//
// A plan looks at every pair that is held after the write and was shown before, among
// those that the write affects. Where it would show something else it gets its
// promotion record in the same transaction; where a version comes into force, one
// rollout record does for all pairs of the Bundle. A label edit on a cluster that is not
// paused looks at no Bundle that it does not affect, but for the Bundles with partitions
// of their own: no index knows what those select.
//
// # What one transaction takes
//
// etcd takes 128 operations by default, guards included, and 1.5 MiB. Puts and deletes
// of any number fit, because they nest. Guards do not nest: a plan that has many of them
// guards whole ranges of keys instead, by revision, and the removal guard of their type,
// because etcd does not see a deletion in a range (plan_fit.go, etcd/guard.go). Such a
// plan is refused more often, by any write in the range, and is planned anew. It never
// holds where guards of the records would not.
//
// Pins, promotions and bases are packed. What is larger than 1.5 MiB all the same goes
// before the write, a step at a time (Plan.First), and the write is planned anew after
// each. A step changes nothing by itself, and a crash after one leaves:
//
//	promotions of held pairs   that say what is shown already. They rule as what they
//	                           repeat did, until a roll-out or the controller's sweep
//	                           replaces them.
//	pins of a Cluster          beside those that it needs. Pins of a version that works
//	                           are not looked at, and the next edit of the Cluster that
//	                           writes its pins takes them away.
//	a content                  that no Bundle refers to (storage). The sweep removes it.
//
// A single record that is larger than 1.5 MiB cannot be written, and the write is
// refused for its size.
package state
