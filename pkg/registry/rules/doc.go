// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rules combines the GitRepoRestrictions and Policies of a namespace: what they put
// into the options of its Bundles, which Bundles they refuse, and what its GitRepos may do.
//
//	restrict.go  Bundles: injected options, and the gate of the Policies (S 2.6)
//	gitrepo.go   GitRepos: accounts, Secrets, namespaces and URLs (S 10.1)
//
// All functions are pure, and may be called from any goroutine. Combined rules are
// immutable. Combining costs O(rules); a check costs O(1) for a Bundle's account, and
// O(patterns) for a GitRepo's URL.
package rules
