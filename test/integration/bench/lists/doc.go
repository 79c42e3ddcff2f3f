// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lists measures the cost of lists and watch events of BundleDeployments, from the
// view to the bytes of an HTTP response, without a network. Run it with
//
//	go test -run '^$' -bench . -benchmem ./test/integration/bench/lists
//
// It reports CPU time and allocations per object. The cost of an edit in the engine is part
// of the numbers of BenchmarkEvents, and not of those of lists.
package lists
