// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout tests roll-outs as a system: 500 simulated agents that fail,
// recover and restart, a server and controllers that are ended at random, and a
// checker that reads etcd's history afterwards, revision by revision, and knows
// nothing of the code that wrote it but the form of records.
//
//	fleet_test.go    the Clusters, the Bundle, and a server that comes and goes
//	agents_test.go   what agents do
//	history_test.go  the checker
//	system_test.go   all of it together
//	race_test.go     a report between a decision and its commit
//
// MUSTER_SEED=N replays what is random in it, timing apart; MUSTER_ROLLOUT_ROUNDS=N
// makes it longer.
package rollout
