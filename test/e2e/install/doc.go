// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package install tests what an operator installs Muster with: the kustomizations, the Helm
// chart and the Dockerfile under artifacts.
//
// It has two oracles. The chart and the kustomizations have to make the same objects, and a
// real kube-apiserver has to accept both (with the real CustomResourceDefinitions of
// cert-manager and prometheus-operator). The rest are tables: the effect of each value, the
// refusals of the schema, and the reason for each of Muster's rights.
//
// Nothing runs in containers here. The other packages of test/e2e install Muster from these
// manifests, and so test that it works with them.
package install
