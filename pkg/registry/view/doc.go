// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package view holds what readers see: all objects of the group at one revision, and the
// log of the changes that led there.
//
//	view.go        View, and the log of revisions
//	version.go     resourceVersions
//	builder.go     Builder
//	table.go       tables of objects
//	pairs.go       the table of BundleDeployments
//	item.go        Item: an object or a BundleDeployment in a table
//	face.go        the parts of a Bundle and a Cluster that BundleDeployments show
//	derived.go     the computed part of an object, laid over what was reported of it
//	report.go      the report on a BundleDeployment
//	namespaces.go  which namespaces have objects
//	state.go       State: a name for the objects of a resource
//	history.go     limits on the log
//	skip_index.go  changes of one namespace, without a look at each revision
//
// A View is immutable and holds only whole revisions. Any goroutine may read it without a
// lock, at any time. Views share what they have in common, so keeping an old one costs only
// the difference. Tables are ordered by namespace, then name. Get takes O(log n), and so
// does the start of an iteration.
//
// Only the engine builds views (see Builder); readers take the current one from it.
// BundleDeployments are rendered, and reports decoded, at each read, and neither result is
// kept. In a view, a BundleDeployment costs about a hundred bytes. A report on it costs half
// as much again, and what it does not share with other reports.
package view
