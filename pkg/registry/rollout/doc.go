// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout decides how a new version of a Bundle reaches its Clusters: S 6 as
// functions.
//
//	limit.go      limits as numbers and per cent (S 6.1); which strategies limit at all
//	partition.go  the stages of a roll-out, in order (S 6.2)
//	input.go      the input of a pass: the targets of one Bundle at one revision
//	pass.go       the decisions of a pass, and its numbers for the status (S 6.4)
//	held.go       what a BundleDeployment shows while something is held back (S 5.2)
//
// A pass is a pure function of its Input and keeps no state. Earlier decisions are in the
// promotion records that the Input was built from, so a pass that is lost or repeated does
// no harm. A pass never takes back a promotion.
//
// A pass costs O(targets) with automatic partitions, and O(targets x partitions)
// with manual ones. Everything here is safe for concurrent use.
package rollout
