// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollout tests roll-outs with real processes: two muster-apiservers, two
// muster-controllers and etcd, each ended at random with SIGKILL and started again,
// while 500 simulated agents fail, recover, restart and go over to the other server,
// people edit and pause Clusters, and versions of a Bundle come, with limits, without
// and paused. The controllers work without asking each other, as two leaders do while
// nobody knows of the other. Afterwards etcd's history says at every revision whether
// a promise was broken, and so does what agents were shown.
//
// What is played and how it is checked is shared with the test in one process:
// packages scene and history below test/rollout of the root module.
//
//	main_test.go    a control plane
//	system_test.go  all of it together
//	agents_test.go  agents that watch and report over HTTP
//	chaos_test.go   who is killed, and when
//
// One round takes about a minute. MUSTER_ROLLOUT_ROUNDS=N makes it longer;
// MUSTER_SEED=N replays what is random in it, timing apart.
package rollout
