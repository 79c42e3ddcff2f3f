// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package aggregation tests Muster behind the aggregation layer of a real
// kube-apiserver, as its clients meet it: people with kubectl, controllers with client-go,
// and kube-controller-manager, which knows nothing of Fleet.
//
// One control plane and one installation of three replicas serve all tests (see
// package cluster). Tests that take Muster away come first and alone, because they
// are not parallel; all others run side by side, each in namespaces of its own.
//
// Requests go through kube-apiserver unless a test says that it asks Muster
// straight: to compare the two, or for what the aggregation layer does not pass on.
package aggregation
