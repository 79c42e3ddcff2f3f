// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"errors"
	"fmt"
	"strings"

	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

// Work on values, apart from the evaluation of their templates, is counted in units of a
// sandbox.Budget. It is charged before it is done, by the look of the values and texts.
// BenchmarkWork compares the units with the time.

// maxPreparation bounds the work of preparing values, in units. Preparation happens once
// for each match, whereas templates are evaluated on each Cluster. So it may cost more than
// their budget.
const maxPreparation = 2 * sandbox.MaxWork

// maxValuesDepth bounds the nesting of merged values, in maps and lists.
const maxValuesDepth = 100

var (
	errValuesTooDeep = fmt.Errorf("helm.values are nested more than %d levels deep: nest them less", maxValuesDepth)
	errPreparation   = errors.New("helm.values and helm.templateValues have too many entries for templates: " +
		"use fewer and smaller ones, or put them into values files of the chart")
)

// extent is the size of values.
type extent struct {
	// entries counts all members and elements. bytes is the length of their texts and keys
	// as YAML writes them, with indentation.
	entries, bytes int
	deep           bool
}

// maxEntries is where extentOf stops. It is beyond all bounds.
const maxEntries = 1_000_000

// extentOf measures values. It costs about 20 ns for each entry.
func extentOf(data map[string]any) extent {
	var e extent
	e.add(data, 0)
	return e
}

func (e *extent) add(value any, depth int) {
	e.entries++
	e.bytes += 4 + 2*depth
	if depth > maxValuesDepth {
		e.deep = true
	}
	if e.deep || e.entries > maxEntries {
		return
	}
	switch v := value.(type) {
	case string:
		e.bytes += len(v) + 2*depth*strings.Count(v, "\n")
	case []any:
		for _, element := range v {
			e.add(element, depth+1)
		}
	case map[string]any:
		for key, member := range v {
			e.bytes += len(key)
			e.add(member, depth+1)
		}
	}
}

// writing returns the work of writing values as YAML and reading them once.
func (e extent) writing() int { return 40*e.entries + e.bytes }

// copying returns the work of copying values. walking returns the work of going through
// them, copying them and hashing the copy.
func (e extent) copying() int { return 10 * e.entries }
func (e extent) walking() int { return 12*e.entries + e.bytes/6 }

// parsing returns the work of parsing a template.
func parsing(text string) int { return 150 + 50*strings.Count(text, sandbox.Open) + len(text)/8 }

// reading returns the work of reading a text as YAML, and of hashing and writing the
// result. Everything that is or may be a value in it begins or ends with one of few
// characters.
func reading(text string) int {
	marks, anchors, aliases := 1, 0, 0
	for i := range len(text) {
		switch text[i] {
		case '\n', ':', '-', ',', '[', '{', '?', '"', '\'', '\t':
			marks++
		case '&':
			anchors += indicates(text, i)
		case '*':
			aliases += indicates(text, i)
		}
	}
	units := 12*marks + len(text)/2
	if anchors > 0 {
		units += 4 * expansion(marks, anchors, aliases)
	}
	return units
}

// indicates returns 1 if the character at this place may begin an anchor or an alias,
// otherwise 0.
func indicates(text string, at int) int {
	before := at == 0 || strings.IndexByte(" \t\n[{,-:?", text[at-1]) >= 0
	after := at+1 < len(text) && strings.IndexByte(" \t\n]},*&", text[at+1]) < 0
	if before && after {
		return 1
	}
	return 0
}

// maxExpansion is roughly how many values the YAML parser expands from aliases before it
// gives up on a text.
const maxExpansion = 450_000

// expansion bounds how many values a text with aliases stands for. Stacked anchors give
// most, if each holds equally many aliases of the previous one: three, if enough
// anchors exist.
func expansion(marks, anchors, aliases int) int {
	levels := min(anchors, (aliases+2)/3)
	n := marks
	for range levels {
		if n *= (aliases + levels - 1) / levels; n >= maxExpansion {
			return maxExpansion
		}
	}
	return n
}

// holdsText reports whether a text occurs in a value or in a key.
func holdsText(value any, text string) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, text)
	case []any:
		for _, element := range v {
			if holdsText(element, text) {
				return true
			}
		}
	case map[string]any:
		for key, member := range v {
			if strings.Contains(key, text) || holdsText(member, text) {
				return true
			}
		}
	}
	return false
}
