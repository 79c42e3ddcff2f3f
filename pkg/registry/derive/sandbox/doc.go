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
//	random.go       random functions
//	dict.go         functions of maps
//	refused.go      functions that are refused
//	reads.go        what a template reads of its data
//	least.go        the least that a template costs
//
// Each client that may write a Bundle can write a template, and one goroutine evaluates
// the templates of all. So an evaluation makes two promises that text/template alone does
// not.
//
// It ends, in bounded time and memory, with an error that names the limit. No timer is
// involved, because a timer fires on one replica and not on another. Instead, everything
// that a template can do takes units of a Budget, which all templates that are evaluated
// for one Cluster share. Parse adds a counting call to every list of the parsed tree. Every
// function is called through a wrapper that weighs the arguments and the result at the
// function's price (prices.go). Functions whose time or result can be much larger than
// their arguments are checked and charged before they run (guard.go). A whole Budget is
// about 50 ms of one core, and less than 0.1 s on a busy core. BenchmarkPrices and derive's
// BenchmarkWorstOnACluster check the prices.
//
// It is repeatable: the same text, data, seed and time give the same result, on every
// replica, for ever. Functions that read the clock or are random take both from the
// Environment (clock.go, random.go). Functions that range over a map do so in sorted order
// (dict.go). Functions whose results cannot be repeated are refused (refused.go).
//
// A Template is immutable and safe for concurrent use. Execute may write to its data: if
// several templates are evaluated over the same data, later ones see what earlier ones set.
package sandbox
