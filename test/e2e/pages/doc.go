// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pages does what the operators' pages of docs say, command by command and in the
// order of the pages: it installs Muster, upgrades it and goes back, by kustomize and by
// Helm.
//
// A page marks each block of commands with a comment: "step: NAME" before one that a test
// runs as it stands, and "not run: REASON" before any other. The tests next to go.mod see to
// it that no block is without a mark. The steps of backup.md, agents.md and a few others run in
// the packages that are about them.
//
// The operator has a copy of artifacts with the addresses of etcd in it, as the pages ask for.
// Deployments are those of the real controllers, and a cluster.Node runs their Pods.
package pages
