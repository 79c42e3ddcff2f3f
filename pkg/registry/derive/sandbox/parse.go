// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// Open and Close delimit an action. Helm charts use {{ }} in their own texts, which must
// pass through values unchanged.
const (
	Open  = "${"
	Close = "}"
)

// builtins are the functions of text/template that this package does not replace, with
// their weight in steps. They do little and keep nothing, but index hashes its keys, which
// may be long.
var builtins = map[string]int{"and": 1, "or": 1, "not": 1, "len": 1, "slice": 1, "call": 1, "index": 10}

// known are the names that the parser accepts as functions.
var known = func() map[string]any {
	names := make(map[string]any, len(functions)+len(builtins))
	for name := range functions {
		names[name] = true
	}
	for name := range builtins {
		names[name] = true
	}
	return names
}()

// Template is a parsed text, ready to be evaluated any number of times.
type Template struct {
	name  string
	trees map[string]*parse.Tree
	// uses are the functions that occur in the text. A typical text uses two or three of
	// two hundred, and binding only those makes Execute cheap.
	uses []string
	// atLeast is the least that an evaluation takes of its Budget, over all data.
	atLeast int
}

// Parse prepares text. The name appears in error texts like a file name in those of a
// compiler. The cost is linear in the length of text.
func Parse(name, text string) (*Template, error) {
	if len(text) > MaxSource {
		return nil, fmt.Errorf("template is longer than %d bytes", MaxSource)
	}
	// The parser is recursive. This check keeps its stack small; the exact nesting is
	// checked on its result.
	if controls(text) > maxControls {
		return nil, fmt.Errorf("template has more than %d control structures", maxControls)
	}
	// Each action becomes several nodes of a few hundred bytes.
	if n := strings.Count(text, Open); n > maxActions {
		return nil, fmt.Errorf("template has %d actions, more than %d", n, maxActions)
	}
	trees, err := parse.Parse(name, text, Open, Close, known)
	if err != nil {
		return nil, shorten(err)
	}
	t := &Template{name: name, trees: trees}
	if tree := trees[name]; tree != nil {
		t.atLeast = executeUnits + unconditional(tree.Root)
	}
	in := instrument{uses: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(trees)) { // so that the first of two errors is always the same
		if err := in.tree(trees[name]); err != nil {
			return nil, err
		}
	}
	for name := range in.uses {
		if _, ok := functions[name]; ok {
			t.uses = append(t.uses, name)
		}
	}
	return t, nil
}

// controls returns an upper bound for the constructs that make the parser recurse.
func controls(text string) int {
	n := 0
	for {
		_, rest, ok := strings.Cut(text, Open)
		if !ok {
			return n
		}
		text = rest
		word := strings.TrimLeft(strings.TrimPrefix(rest, "-"), " \t\r\n")
		for _, keyword := range []string{"if", "range", "with", "block", "define", "else"} {
			if strings.HasPrefix(word, keyword) {
				n++
				break
			}
		}
	}
}

// maxErrorText bounds an error text, in bytes.
const maxErrorText = 1024

// shorten cuts an error text to fit into a condition: a template can put its whole input,
// or any message that it fails with, into its error.
func shorten(err error) error {
	text := err.Error()
	if len(text) <= maxErrorText {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:maxErrorText], "") + "...")
}
