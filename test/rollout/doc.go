// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout tests roll-outs as a system, in one process: 500 simulated agents
// that fail and recover, people who edit and pause Clusters, versions with limits,
// without and paused, a server and controllers that are ended at random, and a
// checker that reads etcd's history afterwards, revision by revision. Here servers
// and controllers are contexts that end; test/e2e/rollout does the same with
// processes that are killed.
//
//	fleet_test.go   the world: an etcd, a server that comes and goes, who writes
//	agents_test.go  how agents look and report
//	system_test.go  all of it together
//	race_test.go    a report between a decision and its commit
//	scene           what is played: package scene
//	history         the checker: package history
//
// MUSTER_SEED=N replays what is random in it, timing apart; MUSTER_ROLLOUT_ROUNDS=N
// makes it longer.
package rollout
