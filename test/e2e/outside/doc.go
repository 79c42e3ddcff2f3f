// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package outside tests what Muster reads from the core API and writes to it, in a real
// control plane: kube-apiserver, kube-controller-manager, the installed muster-apiserver,
// and muster-controller as a process with the rights that the manifests give it where Fleet
// manages agents: these suffice for all other controllers. Labels of
// Namespaces decide what Bundles target, values come from Secrets, copies of Secrets and
// ConfigMaps reach the agents, the windows of Schedules open, and a cluster inventory labels
// Clusters.
//
// The control plane is shared; each test has namespaces of its own.
package outside
