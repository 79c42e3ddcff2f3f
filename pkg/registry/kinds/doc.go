// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kinds holds what differs between the kinds of fleet.cattle.io/v1alpha1, in one
// table of 14 rows (inventory.go). It also holds the code that all kinds share: strategies
// for writes, reset fields for server-side apply, table output and attributes for
// selectors. A stored kind with nothing derived needs only a row here, its type,
// registration and methods of Written in pkg/apis/fleet/v1alpha1, its resource in
// record/resources.go, roles in artifacts, and make update-generated. What is derived for a
// kind is in derive, summary and ledger.
//
//	inventory.go          the table
//	inventory_columns.go  the columns of each kind
//	kind.go               Kind: what a row holds
//	strategy.go           writes of the main resource
//	status.go             writes of /status
//	finalizers.go         finalizers that hold no deletion back
//	normalize.go          values that are stored in another form
//	names.go              warnings about names
//	lastapplied.go        the annotation of kubectl apply
//	resetfields.go        fields that server-side apply resets
//	written.go            how an object was written (pkg/apis/fleet/schema)
//	columns.go            how a column is built
//	table.go              answers to kubectl get
//	attrs.go              label and field selectors
//
// # Promises
//
// The rules are those that clients know from the CRDs of this group (S 1.2). A write
// through the main resource leaves the status alone. A write through /status leaves
// everything else alone. The generation counts the changes outside metadata and status. A
// value that was already invalid does not block an update. Whatever a CRD accepts is
// accepted; what is accepted but cannot work gets a warning that names the field and the
// fix.
//
// # Cost
//
// The table is built once, at start. A strategy's work is linear in the size of the written
// object, a table's in the number of rows. A /status write copies no spec. Only the
// comparison of two specs uses reflection.
//
// # Concurrency
//
// Everything here is immutable once the package is initialised, and may be used from any
// goroutine. Strategies change the new object that they are given, and never the old one,
// which may be part of a published View.
package kinds
