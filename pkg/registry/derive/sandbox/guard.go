// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"reflect"
	"regexp"
	"regexp/syntax"
	"strings"
)

// These bound the arguments of functions whose time is not bounded by their price.
const (
	maxDecimals = 64
	maxVersion  = 256
	maxKey      = 16 << 10
	maxPattern  = 1024
)

// bound panics if n*size+more passes MaxValue.
func (m *meter) bound(n, size, more int) {
	if n > 0 && size > 0 && n > (MaxValue-min(more, MaxValue))/size || more > MaxValue {
		panic(fmt.Errorf("result would be larger than %d bytes", MaxValue))
	}
}

// guards check calls if the size of the arguments does not bound the result or the time.
// The arguments themselves have been weighed: each string here is at most MaxValue long.
var guards = map[string]func(*evaluation, []reflect.Value){
	"repeat": func(e *evaluation, a []reflect.Value) { e.bound(intOf(a[0]), a[1].Len(), 0) },
	"indent": guardIndent, "nindent": guardIndent,
	"wrap":     func(e *evaluation, a []reflect.Value) { e.boundWrap(intOf(a[0]), 1, a[1].Len()) },
	"wrapWith": func(e *evaluation, a []reflect.Value) { e.boundWrap(intOf(a[0]), a[1].Len(), a[2].Len()) },
	"replace": func(e *evaluation, a []reflect.Value) {
		src := a[2].String()
		e.bound(strings.Count(src, a[0].String()), a[1].Len(), len(src))
	},
	"join": func(e *evaluation, a []reflect.Value) { e.bound(lenOf(a[1]), a[0].Len(), 0) },
	// The last argument is the size of an element of the result, even an empty one: of a
	// map for split and splitn, of a list for splitList.
	"split":     func(e *evaluation, a []reflect.Value) { e.boundSplit(a[0], a[1], 8*scalarSize) },
	"splitn":    func(e *evaluation, a []reflect.Value) { e.boundSplit(a[0], a[2], 8*scalarSize) },
	"splitList": func(e *evaluation, a []reflect.Value) { e.boundSplit(a[0], a[1], scalarSize) },
	"printf":    guardFormat,

	"chunk": guardChunk, "mustChunk": guardChunk,
	// These compare each element with each other one.
	"uniq": guardPairs, "mustUniq": guardPairs,
	"without": guardPairs, "mustWithout": guardPairs,

	"regexMatch": guardPattern, "mustRegexMatch": guardPattern,
	"regexFind": guardPattern, "mustRegexFind": guardPattern,
	"regexFindAll": guardMatches, "mustRegexFindAll": guardMatches,
	"regexSplit": guardMatches, "mustRegexSplit": guardMatches,
	"regexReplaceAll": guardExpansion, "mustRegexReplaceAll": guardExpansion,
	"regexReplaceAllLiteral": guardExpansion, "mustRegexReplaceAllLiteral": guardExpansion,

	// Decimals are exact, so their digits grow with the number of operands.
	"add1f": guardDecimals, "addf": guardDecimals, "subf": guardDecimals,
	"divf": guardDecimals, "mulf": guardDecimals,

	"semver":        func(_ *evaluation, a []reflect.Value) { atMost("version", a[0], maxVersion) },
	"semverCompare": guardVersions,

	"buildCustomCert": guardKey,
}

func intOf(v reflect.Value) int { return int(v.Int()) }

// lenOf returns the length of a list in an interface, or 1.
func lenOf(v reflect.Value) int {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		return v.Len()
	}
	return 1
}

func atMost(what string, v reflect.Value, limit int) {
	if v.Len() > limit {
		panic(fmt.Errorf("%s is longer than %d bytes", what, limit))
	}
}

func guardIndent(e *evaluation, a []reflect.Value) {
	if n := intOf(a[0]); n < 0 {
		panic(fmt.Errorf("cannot indent by %d", n))
	}
	e.bound(strings.Count(a[1].String(), "\n")+2, intOf(a[0]), a[1].Len())
}

// boundWrap assumes two ends of line for each width: at a blank, and in the middle of a
// word that is too long.
func (m *meter) boundWrap(width, separator, length int) {
	m.bound(2*(length/max(width, 1))+2, max(separator, 1), length)
}

func (m *meter) boundSplit(separator, text reflect.Value, element int) {
	m.bound(strings.Count(text.String(), separator.String())+1, element, text.Len())
}

// guardFormat bounds what printf can produce from widths, precisions and arguments that are
// named more than once. fmt itself allows widths up to a million.
func guardFormat(e *evaluation, a []reflect.Value) {
	const widest = 1_000_000
	size, largest, sum := a[0].Len(), 0, 0
	for i := range a[1].Len() {
		s := scale{left: MaxValue}
		if err := s.add(a[1].Index(i), 0); err != nil {
			panic(err)
		}
		largest, sum = max(largest, MaxValue-s.left), sum+MaxValue-s.left
	}
	pad, verbs, indexed := 0, 0, false
	format := a[0].String()
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		verbs++
	verb:
		for i++; i < len(format); i++ {
			switch c := format[i]; {
			case c == '*':
				pad += widest
			case c == '[':
				indexed = true
			case c >= '0' && c <= '9':
				n := 0
				for ; i < len(format) && format[i] >= '0' && format[i] <= '9'; i++ {
					n = min(10*n+int(format[i]-'0'), widest)
				}
				i--
				pad += n
			case c == '+' || c == '-' || c == '#' || c == ' ' || c == '.' || c == ']':
			default:
				break verb
			}
		}
	}
	if indexed {
		sum = max(sum, min(verbs, MaxValue)*largest)
	}
	// A verb may write one byte as up to four, as %q does. The result itself is weighed, so
	// this bound only keeps small what is built in between.
	const between = 8 * MaxValue
	if size+pad+sum > between {
		panic(fmt.Errorf("result would be larger than %d bytes", MaxValue))
	}
}

func guardChunk(_ *evaluation, a []reflect.Value) {
	if n := intOf(a[0]); n < 1 {
		panic(fmt.Errorf("cannot make chunks of %d elements", n))
	}
}

func guardPairs(e *evaluation, a []reflect.Value) {
	n := lenOf(a[0])
	m := n
	if len(a) > 1 {
		m = lenOf(a[1])
	}
	e.use(pairs(n, m))
}

func guardDecimals(e *evaluation, a []reflect.Value) {
	n := lenOf(a[len(a)-1])
	if n > maxDecimals {
		panic(fmt.Errorf("takes at most %d numbers", maxDecimals))
	}
	e.use(decimals(n))
}

func guardVersions(_ *evaluation, a []reflect.Value) {
	atMost("constraint", a[0], maxVersion)
	atMost("version", a[1], maxVersion)
}

func guardKey(_ *evaluation, a []reflect.Value) {
	atMost("certificate", a[0], maxKey)
	atMost("key", a[1], maxKey)
}

// guardPattern charges a regular expression for its size, which repetitions can make large.
// It also charges that size times the length of the text, which is the worst time of
// matching.
func guardPattern(e *evaluation, a []reflect.Value) {
	atMost("regular expression", a[0], maxPattern)
	parsed, err := syntax.Parse(a[0].String(), syntax.Perl)
	if err != nil {
		return // the function reports it
	}
	size := programSize(parsed)
	e.use(expressionUnits + size*instructionUnits)
	e.use(size * (a[1].Len() + 1) * 10 / matchesPerTenUnits)
}

// programSize returns about how many instructions a regular expression compiles to, and
// never much less. It does not compile it, because compiling is the costly part.
func programSize(re *syntax.Regexp) int {
	size := 2
	for _, sub := range re.Sub {
		size += programSize(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return 1 + len(re.Rune)
	case syntax.OpCharClass:
		return 1 + len(re.Rune)/2
	case syntax.OpRepeat:
		return size * max(re.Max, re.Min+1, 1)
	}
	return size
}

// guardMatches charges for the most matches that a text can have.
func guardMatches(e *evaluation, a []reflect.Value) {
	guardPattern(e, a)
	e.use(a[1].Len())
}

// guardExpansion bounds the result of a replacement: the text, the replacement once for
// each match, and the text once for each reference in the replacement.
func guardExpansion(e *evaluation, a []reflect.Value) {
	guardPattern(e, a)
	e.use(2 * a[1].Len()) // the text is searched twice
	text, replacement := a[1].String(), a[2].String()
	e.bound(strings.Count(replacement, "$")+1, len(text), 0)
	if len(replacement) == 0 {
		return
	}
	re, err := regexp.Compile(a[0].String())
	if err != nil {
		return
	}
	matches := len(re.FindAllStringIndex(text, MaxValue/len(replacement)+1))
	e.bound(matches, len(replacement), len(text))
}
