// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package preflight checks whether Muster can be installed in a cluster. It reads, and
// changes nothing.
//
//	group.go      CheckGroup: the check of a server at each start, with few rights
//	preflight.go  Run: the check of an operator before an installation
package preflight
