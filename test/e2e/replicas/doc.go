// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replicas tests several muster-apiservers behind one Service, without sticky
// sessions, while replicas and etcd fail.
//
// The oracle is a load in which every write sets a counter (a label of a Cluster, a value
// of a Bundle, a report) that one writer owns. So a test knows the bounds of what a
// BundleDeployment may show at any time, which BundleDeployments exist, and which counts a
// watch must not skip. See load_test.go.
//
// Failures are repeated -rounds times, twice by default. Each prints a line with its counts.
package replicas
