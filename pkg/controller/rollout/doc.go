// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout advances roll-outs: it writes the decisions of pkg/registry/rollout as
// promotion records.
//
//	rollout.go   which Bundles are due, and when
//	changes.go   which Bundles a revision makes due
//	step.go      the next transaction of one Bundle
//	write.go     decisions as records
//	metrics.go   the metrics
//
// # One step
//
// A step reads one Bundle's roll-out at one revision and commits at most one transaction.
// The next step waits until the engine has seen it. A step does the first of these that is
// due:
//
//	record what follows from the base            Materialize
//	drop the base
//	record what a pass decides, up to a batch    Pass
//	remove promotions that hold nothing back, then the rollout record
//
// So a roll-out that is larger than a transaction is decided again for each. Decisions that
// count against a limit come first in a pass. The limit was computed without the
// BundleDeployments that the pass creates, and these would count in the next batch.
//
// # Why no limit is exceeded
//
// A batch is committed only if nothing changed that could have made the number of unavailable
// BundleDeployments larger, or a limit smaller: Input.Guards. No limit holds back the promotion
// of a BundleDeployment that is unavailable already; this also requires that its agent has not
// reported meanwhile.
//
// # Costs
//
// A pass is O(targets). It runs at most once in 50 ms for a Bundle, and for at most a tenth of
// the time. Nothing is read from etcd. A promotion is one small record. A Bundle whose strategy
// holds nothing back costs nothing.
package rollout
