// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package engine turns the log of facts into views: one goroutine takes whole
// revisions in order, updates the state, and publishes an immutable view.
//
// Promises: a published view holds whole revisions only; the swap comes before
// the wake-up; nothing goes backwards; the same facts give the same view on
// every replica and after every restart. A record that cannot be decoded is
// reported and harms nothing but its own object.
//
// Costs: a change costs what it affects. An edit of a Cluster's labels visits
// the selectors that it flips, the BundleDeployments of that Cluster whose
// templates read what it changes (readers.go) and the groups that it enters or
// leaves; a Bundle's edit visits the Clusters that it targets.
//
// Current, WaitFor, Barrier and Plan are safe for concurrent use.
//
// # State
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
// # A start
//
// The first revision of a state meets all Bundles with all Clusters (first.go), on all
// processors: where nothing was, nothing is looked up, and trees are filled in order
// instead of grown. It costs some microseconds for each pair, a third of what an edit
// costs. A restart must not show in anything but resourceVersions; the random histories
// of the tests compare both ways.
//
// # Roll-ups
//
// Package ledger derives the statuses of Bundles, Clusters, ClusterGroups, GitRepos and
// HelmOps, last of all in each revision (rollup.go). A heartbeat of a Cluster derives
// nothing.
//
// Reports are kept as their records, a twentieth of what they decode to (view.Report). A
// report that is shown is in no table but with its BundleDeployment. Other goroutines
// decode large reports before their revision is applied (arrive.go).
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
// Bundle whose templates no Cluster can take is refused before (plan_costly.go).
//
// A label edit writes none of these, so label edits do not refuse each other; nor
// do versions of different Bundles.
//
// # Names that several claim
//
// A BundleDeployment's name is made of the Bundle's name and the Cluster's namespace for
// BundleDeployments, so Bundles of several namespaces may claim one, and Clusters that
// share a namespace. The claim that has a name keeps it (holder.go): the write that
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
