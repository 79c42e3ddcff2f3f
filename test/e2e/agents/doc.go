// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package agents tests how an agent gets and loses its rights (S 8.1 to 8.4, S 9.2), in a
// real control plane: kube-apiserver, kube-controller-manager and the installed
// muster-apiserver. The controller of agents' access is a process of its own, which tests
// kill; it has the rights that the manifests give it.
//
// The control plane is shared; each test has a namespace with Clusters of its own. The
// tests that kill or cut off the controller come first, one after the other.
package agents
