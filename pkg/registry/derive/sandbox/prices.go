// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"math"
	"strings"
)

// Prices are in units of a Budget. No call takes much longer than its units say: see
// BenchmarkPrices.
const (
	// executeUnits is the price of starting an evaluation, functionUnits of each function
	// that occurs in its text.
	executeUnits  = 120
	functionUnits = 20
	// stepUnits is the price of each evaluation of a list of nodes, such as the body of a
	// loop in each round, and nodeUnits of each node in it.
	stepUnits = 6
	nodeUnits = 2
	// callUnits is the price of calling a template, besides its list.
	callUnits = 6
	// bytesPerUnit is how many bytes of a value are weighed for a unit.
	bytesPerUnit = 64
	// encodeUnits is the price of a kilobyte that is printed and is not a text.
	encodeUnits = 60
	// expressionUnits is the price of a regular expression, which is compiled up to three
	// times, and instructionUnits of each of its instructions. matchesPerTenUnits is how
	// many instructions are tried on a byte in ten units of time.
	expressionUnits    = 50
	instructionUnits   = 3
	matchesPerTenUnits = 120
	// zoneUnits is the price of looking up a time zone, which is not cached.
	zoneUnits = 250
)

// price is the price of a call of a function, and of a kilobyte of its arguments and
// result, besides weighing them.
type price struct{ call, kilobyte int }

var defaultPrice = price{call: 15, kilobyte: 20}

// prices are those of the functions that cost more, and of their variants with "must".
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

func pairs(n, m int) int {
	if n > 0 && m > math.MaxInt/n {
		return math.MaxInt
	}
	return n * m
}

func decimals(n int) int { return 250*n + 60*n*n }
