// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package outside tests what comes into Muster from the core API and goes back to it,
// in a real control plane: kube-apiserver, kube-controller-manager, the installed
// muster-apiserver, and muster-controller as a process with the rights that the
// manifests give it. Labels of Namespaces decide what Bundles target, values come out
// of Secrets, Secrets and ConfigMaps get to where agents read them, and windows open.
//
// The control plane is shared; each test has namespaces of its own.
package outside
