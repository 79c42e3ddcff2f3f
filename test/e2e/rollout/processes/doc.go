// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package processes tests roll-outs with real processes: two muster-apiservers, two
// muster-controllers and etcd. A killer ends each of them at random with SIGKILL and starts
// it again. Agents restart, and move from one server to the other. The controllers use no
// lease, so they act as two leaders that do not know each other. The test also checks what
// the agents saw.
//
//	main_test.go    a control plane
//	system_test.go  all of it together
//	agents_test.go  agents that watch and report over HTTP
//	chaos_test.go   which process is killed, and when
//
// One round takes about a minute.
package processes
