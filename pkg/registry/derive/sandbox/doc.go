// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sandbox evaluates the templates of Helm values (S 3.3): Go's
// text/template with `${` and `}`, and the functions of sprig.
//
// Whoever may write a Bundle writes the template, and one goroutine evaluates
// those of everybody. So an evaluation promises two things that text/template
// alone does not.
//
// It ends: in bounded time and memory, with an error that names the limit. No
// timer is involved, because a timer fires on one replica and not on the other.
// Instead everything that a template can do is counted (budget.go): Parse adds a
// call that counts to every list of the parsed tree, every function is called
// through a wrapper that weighs what goes in and what comes out, and functions
// whose result can be much larger than their arguments are checked before they
// run (guard.go).
//
// It is repeatable: the same text, data, seed and time give the same result, on
// every replica, for ever. Functions that read the clock or are random take both
// from the Environment (clock.go, random.go), those that range over a map do it
// in order (dict.go), and those whose results cannot be repeated are refused
// (refused.go).
//
// A Template is immutable and safe for concurrent use. Execute never writes to
// the data that it is given.
package sandbox
