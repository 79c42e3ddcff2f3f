// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package view is what readers see: all objects of the group as they are at one
// revision, and the log of the changes that led there.
//
//	view.go        View, and the log of revisions
//	version.go     resourceVersions
//	builder.go     Builder
//	table.go       tables of objects
//	pairs.go       the table of BundleDeployments
//	item.go        what a table holds
//	face.go        what shows of a Bundle and a Cluster in a BundleDeployment
//	derived.go     the computed part of an object
//	report.go      the report on a BundleDeployment
//	namespaces.go  which namespaces have objects
//	state.go       State: a name for the objects of a resource
//	history.go     how far the log reaches back
//	skip_index.go  changes of one namespace, without a look at each revision
//
// A View is immutable and holds whole revisions only. Whoever has one may read
// it without a lock for as long as they like; views share what they have in
// common, so keeping one costs the difference. Tables are ordered by namespace,
// then name: Get is O(log n), an iteration starts in O(log n).
//
// Only the engine builds views (see Builder); everybody else takes the present
// one from it. BundleDeployments are rendered when asked for and not kept: in a
// view one costs about a hundred bytes, and the report on it, which is decoded when
// asked for and not kept either, half as much again and what it says that others do not.
package view
