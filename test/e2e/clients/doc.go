// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clients tests what clients of others tell of BundleDeployments: kubectl, the SQL
// cache of Rancher's Steve, and the cluster cache of Argo CD's engine. All follow a real
// kube-apiserver with Muster behind it. The caches are programs of their own
// (test/e2e/programs).
//
// The caches rely on resourceVersions for more than client-go's informers do. Steve keeps one
// event for each type and resourceVersion, and a subscriber that resumes at one is told
// what came after it. Argo CD lists, and watches from the list's resourceVersion on. So
// both show at once where two changes of one revision share a version, and where a
// watch repeats changes, or leaves some out.
//
// Edits change a hundred BundleDeployments in one revision. After each, the test changes
// one more, the mark: what a cache has told before the mark is all that it tells of the
// edit. So no test waits for something not to happen.
package clients
