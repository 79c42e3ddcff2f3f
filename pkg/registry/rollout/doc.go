// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout decides how a new version of a Bundle reaches its Clusters: S 6
// as functions.
//
//	limit.go      how many are 10 % of 37 (S 6.1); which strategies limit at all
//	partition.go  the stages of a roll-out, in order (S 6.2)
//	input.go      what a pass looks at: the targets of one Bundle at one revision
//	pass.go       what a pass decides, and the numbers that it leaves (S 6.4)
//	held.go       what a BundleDeployment shows while something is held back (S 5.2)
//
// A pass is a pure function of its Input. It holds no state between passes: what
// was decided is in the promotion records that the Input was made from, so a pass
// that is lost, or made twice, does no harm. It never takes back a promotion.
//
// A pass costs O(targets) with automatic partitions, and O(targets x partitions)
// with manual ones. Everything here is safe for concurrent use.
package rollout
