// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package preflight says whether Muster can be installed in a cluster. It reads, and
// changes nothing.
//
//	group.go      CheckGroup: what a server asks of the cluster at each start
//	preflight.go  Run: what an operator, who has more rights, asks before an installation
package preflight
