// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sandbox evaluates the templates of Helm values (S 3.3): Go's
// text/template with `${` and `}`, and the functions of sprig.
//
//	parse.go        Template, and Parse
//	instrument.go   the counting calls that Parse adds
//	execute.go      Execute
//	functions.go    the functions
//	budget.go       Budget, and the wrappers that charge it
//	prices.go       what each function costs
//	guard.go        charges functions before they run
//	compare.go      eq, lt and their like
//	clock.go        functions of time
//	random.go       functions of chance
//	dict.go         functions of maps
//	refused.go      functions that are refused
//	reads.go        what a template reads of its data
//	least.go        what a template costs at least
//
// A template is written by anyone with the right to write a Bundle, and one goroutine
// evaluates those of all. So an evaluation promises two things that text/template alone
// does not.
//
// It ends: in bounded time and memory, with an error that names the limit. No
// timer is involved, because a timer fires on one replica and not on the other.
// Instead everything that a template can do takes units of a Budget, which is one for
// all templates that are evaluated for one Cluster: Parse adds a call that counts to
// every list of the parsed tree, and every function is called through a wrapper that
// weighs what goes in and what comes out, at the function's price (prices.go).
// Functions whose time or result can be much larger than their arguments are checked
// and charged before they run (guard.go). A whole Budget is about 50 ms of one core, and
// under 0.1 s where the core is busy; BenchmarkPrices and derive's
// BenchmarkWorstOnACluster hold the prices to that.
//
// It is repeatable: the same text, data, seed and time give the same result, on
// every replica, for ever. Functions that read the clock or are random take both
// from the Environment (clock.go, random.go), those that range over a map do it
// in order (dict.go), and those whose results cannot be repeated are refused
// (refused.go).
//
// A Template is immutable and safe for concurrent use. Execute may write to the data
// that it is given: templates that are evaluated over the same data, in turns, see what
// those before them set.
package sandbox
