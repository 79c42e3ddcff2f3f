// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clients tests what other projects' clients report about BundleDeployments:
// kubectl, the SQL cache of Rancher's Steve, and the cluster cache of Argo CD's engine. All
// of them follow a real kube-apiserver with Muster behind it. The caches are programs of
// their own (test/e2e/programs).
//
// The caches rely on resourceVersions for more than client-go's informers do. Steve keeps
// one event for each type and resourceVersion, and a subscriber that resumes at one gets
// what came after it. Argo CD lists, and watches from the list's resourceVersion on. So
// both show at once if two changes of one revision share a version, and if a watch repeats
// or omits changes.
//
// Edits change a hundred BundleDeployments in one revision. After each, the test changes
// one more, the mark: the events that a cache reports before the mark are all events of the
// edit. So no test has to wait in order to see that nothing happens.
package clients
