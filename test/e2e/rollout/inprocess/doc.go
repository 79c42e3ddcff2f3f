// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inprocess tests roll-outs in one process, in seconds. The random part ends and
// restarts one server and one or two controllers, which are contexts.
//
//	fleet_test.go   the world: an etcd, a server that stops and starts, the clients
//	agents_test.go  how agents read and report
//	system_test.go  all of it together
//	race_test.go    a report between a decision and its commit
package inprocess
