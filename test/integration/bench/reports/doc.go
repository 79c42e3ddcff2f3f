// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reports measures the cost of agents' reports: Muster runs in this process, with
// one writer for each agent that reports at the same time, over HTTP. Run it with
//
//	go test -run '^$' -bench . ./test/integration/bench/reports
//
// It reports the number of reports per second, the time to the acknowledgement, and the
// size of a report in etcd. The server and the writers share the machine, so compare only
// numbers from one machine.
package reports
