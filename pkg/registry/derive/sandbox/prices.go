// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"math"
	"strings"
)

// Prices are in units of a Budget. They are set so that no call takes much longer than
// its units say: see BenchmarkPrices.
const (
	// executeUnits and functionUnits are for the start of an evaluation, and for each
	// function that occurs in its text.
	executeUnits  = 120
	functionUnits = 20
	// stepUnits are for each list of nodes that is evaluated, as the body of a loop is
	// each time, and nodeUnits for each node in it.
	stepUnits = 6
	nodeUnits = 2
	// callUnits are for a call of a template, beside its list.
	callUnits = 6
	// bytesPerUnit is how much of a value is weighed for a unit.
	bytesPerUnit = 64
	// encodeUnits are for a kilobyte of what is printed and is not a text.
	encodeUnits = 60
	// expressionUnits are for a regular expression, which is compiled up to three
	// times, and instructionUnits for each instruction of it. matchesPerTenUnits is how
	// many instructions are tried on a byte in ten units of time.
	expressionUnits    = 50
	instructionUnits   = 3
	matchesPerTenUnits = 120
	// zoneUnits are for looking up a time zone, which is not kept.
	zoneUnits = 250
)

// price is what a call of a function costs, and a kilobyte of its arguments and its
// result; beside what it costs to weigh them.
type price struct{ call, kilobyte int }

var defaultPrice = price{call: 15, kilobyte: 20}

// prices are those of functions that cost more, and of their twins with "must".
var prices = func() map[string]price {
	out := map[string]price{}
	set := func(p price, names ...string) {
		for _, name := range names {
			out[name] = p
			out["must"+strings.ToUpper(name[:1])+name[1:]] = p
		}
	}
	set(price{15, 80}, "merge", "mergeOverwrite", "deepEqual", "deepCopy", "wrap", "wrapWith", "urlParse", "urlJoin",
		"split", "splitn", "splitList", "randBytes", "encryptAES", "decryptAES", "seq", "eq", "ne", "has", "regexQuoteMeta")
	set(price{15, 100}, "add", "add1", "sub", "mul", "div", "mod", "max", "biggest", "min", "maxf", "minf",
		"floor", "ceil", "round", "int", "int64", "float64", "atoi", "toDecimal", "list", "tuple", "trimAll")
	set(price{15, 150}, "toJson", "toPrettyJson", "toRawJson", "fromJson", "quote", "squote", "print", "printf", "println",
		"toString", "toStrings", "cat", "join", "sortAlpha", "html", "js", "urlquery", "title", "untitle", "swapcase",
		"initials", "camelcase", "shuffle", "randAlphaNum", "randAlpha", "randNumeric", "randAscii", "abbrev", "abbrevboth")
	set(price{15, 350}, "snakecase", "kebabcase")
	set(price{50, 100}, "addf", "add1f", "subf", "mulf", "divf")
	set(price{100, 150}, "toDate", "dateModify", "date", "htmlDate", "duration", "durationRound", "ago", "now")
	set(price{400, 8_000}, "semver", "semverCompare")
	set(price{20_000, 1_000}, "buildCustomCert")
	return out
}()

// pairs is the price of comparing each of n elements with each of m.
func pairs(n, m int) int {
	if n > 0 && m > math.MaxInt/n {
		return math.MaxInt
	}
	return n * m
}

// decimals is the price of an operation on n decimals.
func decimals(n int) int { return 250*n + 60*n*n }
