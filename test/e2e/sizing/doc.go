// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sizing measures what muster-apiserver and etcd need for fleets of some
// sizes, for docs/sizing.md. It has benchmarks only, each of one round:
//
//	go test -run '^$' -bench Fleet -benchtime 1x -timeout 60m ./sizing
//
// BenchmarkReports compares reports to Muster, straight and through kube-apiserver,
// with the same reports to custom resources on the same kube-apiserver, in one run:
//
//	go test -run '^$' -bench Reports -benchtime 1x -timeout 120m ./sizing -agents 100 -bundles 20
//
// The agents are those of pkg/agent/simulate. All of them know what to do before the
// first report is sent; the load, the servers and both etcds share the machine.
//
// BenchmarkReads compares reads of the present with a plain quorum read of etcd, in turns,
// on an idle server and on one that follows 1,000 writes a second:
//
//	go test -run '^$' -bench Reads -benchtime 1x -timeout 30m ./sizing
//
// In BenchmarkFleet memory is the process's resident set, which etcd is no part of; load goes straight
// to the one replica, without the aggregation layer.
package sizing
