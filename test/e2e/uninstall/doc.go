// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package uninstall plays docs/uninstall.md: it installs Muster by docs/install.md, runs
// every command of the page as it stands, and lists what is left in the cluster. The oracle
// is the list of all objects before the installation.
package uninstall
