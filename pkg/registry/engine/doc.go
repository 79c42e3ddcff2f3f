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
// the selectors that it flips, the templated BundleDeployments of that Cluster
// and the groups that it enters or leaves; a Bundle's edit visits the Clusters
// that it targets.
//
// Current, WaitFor, Barrier and Plan are safe for concurrent use.
//
// # State
//
//	bundle ──newest──► version ──pairs──► pair (match, content)
//	   └────fallback─► version                  │
//	cluster ◄───────────────────────────────────┘
//
// A bundle has one version, or two while the newest fails (a pin says so). Each
// version has a pair for every cluster that it targets. The version in force
// gives the BundleDeployments.
//
// # Plans
//
// A plan is made from one state, and holds only if what it looked at is still so
// at the commit. Five guards see to that:
//
//	targeting guard   compared by whoever evaluates; written by whoever changes what
//	                  others evaluate: rules, groups
//	versions guard    compared by whoever evaluates Bundles that it does not write:
//	                  edits of clusters, rules, groups; written by a version that
//	                  can fail, is held back or replaces one, and by the
//	                  acceptance of a version
//	clusters since    "it fails nowhere" takes all clusters that a bundle may target,
//	                  and so does "these BundleDeployments end with the old one"
//	one witness       "it fails" takes one cluster on which it does
//	the pin           two writes that know another pin do not both change it
//
// A label edit writes none of these, so label edits do not refuse each other; nor
// do versions of different Bundles.
package engine
