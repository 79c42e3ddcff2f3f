// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

func TestReads(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"text", "x", ""},
		{"a field", "${ .a }", "a"},
		{"a field of a field", "${ .a.b.c }", "a.b.c"},
		{"a field of all the data, wherever dot is", "${ with 1 }${ $.a.b }${ end }", "a.b"},
		{"a field in parentheses", "${ (.a).b }", "a.b"},
		{"a field, through functions", "${ .a.b | default .c | quote | upper }", "c a.b"},
		{"index", "${ index .a `b.c/d` }", "a.b.c/d"},
		{"index from the top", `${ index . "a" "b" }`, "a.b"},
		{"a field of index", `${ (index .a "b").c }`, "a.b.c"},
		{"index by a value that is read", "${ index .a .b }", "a b"},
		{"index by a number", "${ index .a.b 0 }", "a.b"},
		{"get", `${ get .a "b" }`, "a.b"},
		{"get of get", `${ get (get $ "a") "b" }`, "a.b"},
		{"get of a key that is piped", `${ "b" | get .a }`, "a.b"},
		{"get of a computed key", `${ print "b" | get .a }`, "a"},
		{"get with too few arguments", `${ get .a }`, "a"},
		{"hasKey", `${ if hasKey .a "b" }x${ end }`, "a.b"},
		{"dig", `${ dig "b" "c" .d .a }`, "d a.b.c"},
		{"dig of a map that is piped", `${ .a | dig "b" "none" }`, "a.b"},
		{"dig by a value that is read", `${ dig "b" .c "none" .a }`, "a.b c"},
		{"functions that weigh all of a map", `${ pluck "b" .a }${ pick .c "b" }`, "a c"},
		{"whole maps", "${ toJson .a }${ len .b }${ range $k, $v := .c }${ $v }${ end }", "a b c"},
		{"all of the data", "${ toJson . }", "*"},
		{"all of the data, as a dollar", "${ $ | toJson }", "*"},
		{"with binds dot to what was read", "${ with .a.b }${ .c }${ . }${ else }${ .d }${ end }", "a.b d"},
		{"a range binds dot", "${ range .a }${ .b }${ $.c }${ else }${ .d }${ end }", "a c d"},
		{"else with uses the outer dot", "${ with .a }${ .b }${ else with .c }${ .d }${ else }${ .e }${ end }", "a c e"},
		{"if does not bind dot", "${ if .a.b }${ .c }${ else if .d }${ .e }${ end }", "a.b c d e"},
		{"a variable", "${ $x := .a }${ $x.b }", "a"},
		{"a variable that is set", `${ $x := "" }${ $x = .a.b }${ $x }`, "a.b"},
		{"a variable of all", "${ $x := . }${ $x.b }", "*"},
		{"a condition with a variable", "${ if $x := .a.b }${ $x.c }${ end }", "a.b"},
		{"a template that gets all", `${ define "t" }${ .a }${ end }${ template "t" . }`, "*"},
		{"a template that gets something", `${ define "t" }${ .a }${ $.b }${ end }${ template "t" .c }`, "c"},
		{"a template that gets nothing", `${ define "t" }${ .a }${ end }${ template "t" }`, ""},
		{"a template that is never called", `${ define "t" }${ .a }${ end }`, ""},
		{"a block", `${ block "t" .c }${ .a }${ end }`, "c"},
		{"a template in the place of the text", `${ define "values" }${ .a }${ end }`, "a"},
		{"writes", `${ $_ := set .a "b" .c.d }`, "a c.d"},
		{"a method of nothing", "${ .a.b .c }", "a.b c"},
		{"arguments in parentheses", `${ printf "%s-%s" (.a.b | lower) (get .c "d") }`, "a.b c.d"},
		{"functions without arguments", "${ now | date `2006` }${ list }", ""},
		{"constants", "${ 1 }${ true }${ `a` }${ eq `a` `b` }", ""},
		{"a comment", "${/* .a */}", ""},
		{"break and continue", "${ range .a }${ if .b }${ break }${ end }${ continue }${ end }", "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tmpl, err := sandbox.Parse("values", tt.text)
			require.NoError(t, err)
			require.Equal(t, strings.Fields(tt.want), readsOf(tmpl))
		})
	}
}

// readsOf returns the places that a template reads, sorted and each once.
func readsOf(tmpl *sandbox.Template) []string {
	out := []string{}
	for _, path := range tmpl.Reads() {
		text := strings.Join(path, ".")
		if len(path) == 0 {
			text = "*"
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
