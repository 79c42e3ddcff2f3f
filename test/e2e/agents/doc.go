// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package agents tests how an agent gets its rights and loses them (S 8.1 to 8.4,
// S 9.2), in a real control plane: kube-apiserver, kube-controller-manager, the
// installed muster-apiserver, and the controller of agents' access as a process of its
// own, with the rights that the manifests give it, which tests kill.
//
// The control plane is shared; each test has a namespace with Clusters of its own.
// The tests that hurt the controller come first, one after the other.
package agents
