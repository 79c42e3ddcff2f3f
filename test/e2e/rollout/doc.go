// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout holds two plays of one roll-out: 500 simulated agents fail and recover,
// operators edit and pause Clusters, and versions of a Bundle arrive with limits, without
// limits and paused. Servers and controllers end at random. Afterwards a checker reads
// etcd's history, revision by revision.
//
//	inprocess  a play in one process: servers and controllers are contexts that end
//	processes  a play with processes that are killed, and agents that talk HTTP
//	scene      what both play
//	history    the checker
//
// MUSTER_ROLLOUT_ROUNDS=N makes a play longer, MUSTER_SEED=N replays its random choices
// but not its timing.
package rollout
