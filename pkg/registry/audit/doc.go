// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package audit compares two views of one revision: one that was derived edit by edit, and
// one that was computed anew from the records.
//
//	share.go   which Bundles one audit compares, and the comparison
//	differ.go  how two objects differ
//
// A Bundle's BundleDeployments and roll-ups depend on all Clusters, and on no Bundle with
// another name. So the Bundles are audited in shares, by a hash of their names. The audit of
// one share needs only a part of the records.
package audit
