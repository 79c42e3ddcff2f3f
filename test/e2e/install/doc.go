// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package install tests what a person installs Muster with: the kustomizations, the
// Helm chart and the Dockerfile under artifacts.
//
// Two oracles: the chart and the kustomizations have to say the same, and a real
// kube-apiserver has to take both (with the real CustomResourceDefinitions of
// cert-manager and prometheus-operator). The rest are tables: what each value does,
// what the schema refuses, and why Muster has each of its rights.
//
// Nothing runs in containers here. The other packages of test/e2e test that Muster works
// with these manifests: they install it from them.
package install
