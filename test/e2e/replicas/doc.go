// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replicas tests several muster-apiservers behind one Service, without
// sticky sessions, while replicas and etcd fail.
//
// The oracle is a load whose every write sets a counter (a label of a Cluster, a
// value of a Bundle, a report) that one writer owns. So a test knows between which
// bounds a BundleDeployment may show it at any time, which BundleDeployments there
// are, and which counts a watch must not have passed over. See load_test.go.
//
// Disturbances are repeated -rounds times (or MUSTER_ROUNDS in the environment),
// twice by default; each prints a line with what it counted.
package replicas
