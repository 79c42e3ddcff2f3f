// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package install tests what an operator installs Muster with: the kustomizations and the
// Helm chart under artifacts, and the images of make image.
//
// It has two oracles. The chart and the kustomizations have to make the same objects, and a
// real kube-apiserver has to accept both (with the real CustomResourceDefinitions of
// cert-manager and prometheus-operator). The rest are tables: the effect of each value, the
// refusals of the schema, and the reason for each of Muster's rights.
//
// The images are read as a container runtime reads them, without the library that wrote
// them: archive_test.go follows the specification of OCI. Nothing runs in containers here,
// but the programs of the unpacked images run with the manifests' arguments, volumes and
// rights (start_test.go). The other packages of test/e2e install Muster from these
// manifests, and so test that it works with them.
package install
