// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package validation says which objects of fleet.cattle.io/v1alpha1 are refused,
// and which are accepted but cannot work as written.
//
//	bundle.go        Bundles
//	cluster.go       Clusters, ClusterGroups, BundleNamespaceMappings
//	gitrepo.go       GitRepos and their restrictions
//	helmop.go        HelmOps
//	imagescan.go     ImageScans
//	policy.go        Policies
//	registration.go  tokens and registrations
//	schedule.go      Schedules
//	options.go       options, wherever they stand
//	rollout.go       strategies
//	selector.go      selectors, and labels
//	pattern.go       patterns of names
//	duration.go      durations
//	nesting.go       how deep free-form values may nest
//	warnings.go      the list of warnings, which is bounded
//	ratchet.go       Ratchet
//
// Each kind that has rules has a function Validate<Kind>, which returns errors, and a
// function Warn<Kind>, which returns warnings. The line between the two is Fleet's (S 1.2,
// S 2.7): a write fails only for what the schema of a CRD refuses, because clients of Fleet
// rely on everything else being accepted. (The package schema refuses what no Go type can
// hold. Free-form values that nest too deeply for Fleet are refused here, although a CRD
// accepts them.) A selector that cannot be read, or a target that can never match, shows up
// later in a condition; the warning tells its author at once.
//
// An update is checked with [Ratchet]: a value that was invalid before and still is does
// not block it.
//
// All functions are pure, do not change their arguments and take time linear in
// the size of the object. Fields are named by their JSON path.
package validation
