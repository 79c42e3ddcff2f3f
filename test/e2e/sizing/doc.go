// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sizing measures what muster-apiserver and etcd need for fleets of some
// sizes, for artifacts/docs/sizing.md. It has benchmarks only, each of one round:
//
//	go test -run '^$' -bench . -benchtime 1x -timeout 60m ./sizing
//
// Memory is the process's resident set, which etcd is no part of; load goes straight
// to the one replica, without the aggregation layer.
package sizing
