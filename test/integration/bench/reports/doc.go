// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reports measures what agents' reports cost: a Muster in this process,
// and as many writers as agents that report at the same time, over HTTP. Run it
// with
//
//	go test -run '^$' -bench . ./test/integration/bench/reports
//
// It says reports per second, the time to the acknowledgement, and what a report
// takes in etcd. All of it shares the machine, the writers too, so compare numbers
// of one machine only.
package reports
