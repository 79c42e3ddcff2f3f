// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout carries roll-outs on: it makes the decisions of
// pkg/registry/rollout into promotion records.
//
//	rollout.go   which Bundles are due, and when
//	changes.go   what a revision makes due
//	step.go      the next transaction of one Bundle
//	write.go     decisions as records
//	metrics.go   what is counted
//
// # One step
//
// A step reads one Bundle's roll-out at one revision and commits at most one
// transaction, then waits until the engine has seen it. In this order:
//
//	what follows from the base is recorded       Materialize
//	the base is dropped
//	what the pass decides is recorded            Pass, a batch
//	what is not held any more is swept           then the rollout record
//
// So a roll-out that is larger than a transaction is decided anew for each. Of the
// decisions of a pass, those that count against a cap come first: what is created
// makes the count larger for whoever looks between two batches.
//
// # Why no cap is exceeded
//
// A batch is committed only if nothing changed that could have made the count of
// unavailable BundleDeployments larger, or a cap smaller: Input.Guards. A promotion
// of one that is unavailable already, which no cap holds back, also needs that its
// agent has not said otherwise meanwhile.
//
// # Costs
//
// A pass is O(targets), at most once in 50 ms for a Bundle and at most a tenth of
// the time; nothing is read from etcd. A promotion is one small record. A Bundle
// that nothing holds back costs nothing.
package rollout
