// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package aggregation tests Muster behind the aggregation layer of a real kube-apiserver,
// with its usual clients: users of kubectl, controllers with client-go, and
// kube-controller-manager, which knows nothing about Fleet.
//
// One control plane and one installation of three replicas serve all tests (see package
// cluster). Tests that stop Muster are not parallel, so they come first and run alone. All
// others run in parallel, each in namespaces of its own.
//
// Requests go through kube-apiserver unless a test says that it asks Muster directly: to
// compare the two, or for features that the aggregation layer does not pass on.
package aggregation
