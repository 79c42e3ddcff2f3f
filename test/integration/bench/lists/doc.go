// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lists measures what lists and watch events of BundleDeployments cost: the
// whole way from the view to the bytes of an HTTP response, without a network. Run it
// with
//
//	go test -run '^$' -bench . -benchmem ./test/integration/bench/lists
//
// It says CPU time and allocations per object. What an edit costs the engine is in the
// numbers of BenchmarkEvents, and not in those of lists.
package lists
