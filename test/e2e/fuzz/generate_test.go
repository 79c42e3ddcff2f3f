// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator makes values from a schema, and sometimes others.
type generator struct {
	*rand.Rand
	// wrong is the number of values in a thousand that violate the schema.
	wrong int
	// left bounds the size of an object.
	left int
}

func (g *generator) chance(of1000 int) bool { return g.IntN(1000) < of1000 }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// numbers are integers in the forms that JSON can write, and texts that are no integers.
var numbers = []json.Number{
	"0", "1", "-1", "3", "3.0", "1e2", "2.5", "-0", "0.0", "1E+2", "300", "2147483647", "2147483648", "-2147483649",
	"9007199254740993", "9223372036854775807", "9223372036854775808", "1e19", "1e30", "-1.0", "1.0e0", "0.5e1",
}

var texts = []string{
	"", "a", "env", "true", "0", "5", "15m", "1h30m", ".5h", "1.h", "1.5h", "-5m", "2562048h", "often", "100m", "0.5", "1Gi", "1e3", "01",
	"In", "NotIn", "Exists", "FirstMatch", "AllMatches", "QQ==", "QR==", "Q", "a b", "ä", "{}", "null", "50%", "A.b-c", "my-release",
	"Pending", "2020-01-01T00:00:00Z", "\u0000", "é\u2028<>&",
}

func (g *generator) text() string {
	if g.chance(5) {
		return strings.Repeat("x", pick(g, 53, 54, 64, 300, 20000))
	}
	return pick(g, texts...)
}

func (g *generator) anything(depth int) any {
	g.left--
	n := 8
	if depth <= 0 || g.left <= 0 {
		n = 5
	}
	switch g.IntN(n) {
	case 0:
		return nil
	case 1:
		return g.IntN(2) == 0
	case 2:
		return pick(g, numbers...)
	case 3, 4:
		return g.text()
	case 5, 6:
		list := make([]any, g.IntN(3))
		for i := range list {
			list[i] = g.anything(depth - 1)
		}
		return list
	default:
		members := map[string]any{}
		for range g.IntN(3) {
			members[pick(g, "a", "b", "", "spec", "a.b/c")] = g.anything(depth - 1)
		}
		return members
	}
}

func (g *generator) deep() any {
	var v any = g.text()
	levels := pick(g, 10, 49, 50, 51, 52, 60, 200)
	list := g.IntN(3)
	for range levels {
		if list == 0 || list == 1 && g.IntN(2) == 0 {
			v = []any{v}
		} else {
			v = map[string]any{"a": v}
		}
	}
	return map[string]any{"a": v}
}

func (g *generator) value(s node, depth int) any {
	g.left--
	if g.chance(g.wrong) {
		switch g.IntN(4) {
		case 0:
			return nil
		case 1:
			return pick(g, []any{"", false, json.Number("0"), []any{}, map[string]any{}}...)
		default:
			return g.anything(2)
		}
	}
	if s["nullable"] == true && g.chance(60) {
		return nil
	}
	if s["x-kubernetes-preserve-unknown-fields"] == true {
		if g.chance(50) {
			return g.deep()
		}
		members := map[string]any{}
		for range g.IntN(4) {
			members[pick(g, "a", "b", "c")] = g.anything(3)
		}
		return members
	}
	if s["x-kubernetes-int-or-string"] == true {
		if g.IntN(2) == 0 {
			return json.Number(fmt.Sprint(g.IntN(5)))
		}
		return pick(g, "1", "50%", "100m", "1Gi", "0.5", "a")
	}
	switch s["type"] {
	case "boolean":
		return g.IntN(2) == 0
	case "integer":
		if g.chance(100) {
			return pick(g, numbers...)
		}
		return json.Number(fmt.Sprint(g.IntN(4)))
	case "string":
		return g.string(s)
	case "array":
		list := make([]any, g.IntN(3))
		for i := range list {
			list[i] = g.value(s["items"].(node), depth-1)
		}
		return list
	}
	return g.object(s, depth)
}

func (g *generator) string(s node) any {
	if enum, ok := s["enum"].([]any); ok && !g.chance(g.wrong) {
		return pick(g, enum...)
	}
	switch {
	case g.chance(150):
		return g.text()
	case s["format"] == "byte":
		return pick(g, "QQ==", "QUI=", "QUJD")
	case s["x-kubernetes-validations"] != nil:
		return pick(g, "0", "15m", "1h30m", "1.5h", "2us")
	}
	return pick(g, "", "a", "env", "b-c")
}

func (g *generator) object(s node, depth int) any {
	members := map[string]any{}
	required, _ := s["required"].([]any)
	all, _ := s["properties"].(node)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		// Each object gets about five members.
		if g.left > 0 && depth > 0 && g.IntN(len(all)) < 5 || slices.Contains(required, any(name)) && !g.chance(g.wrong) {
			members[name] = g.value(all[name].(node), depth-1)
		}
	}
	if more, ok := s["additionalProperties"].(node); ok {
		for range g.IntN(3) {
			members[pick(g, "a", "b", "cpu", "memory", "")] = g.value(more, depth-1)
		}
	}
	if g.chance(g.wrong) {
		members[pick(g, "nonsense", "Spec", "spec ", "")] = g.anything(1)
	}
	return members
}

// make returns an object of a kind, without its name.
func (g *generator) make(kind string, root node) map[string]any {
	g.wrong, g.left = pick(g, 0, 2, 10, 40, 150), pick(g, 10, 40, 200)
	members := maps.Clone(root["properties"].(node))
	delete(members, "status")
	whole := g.object(node{"type": "object", "properties": members}, 12).(map[string]any)
	if spec, ok := members["spec"].(node); ok && !g.chance(20) {
		whole["spec"] = g.value(spec, 12)
	}
	if g.chance(30) {
		whole["status"] = g.anything(2)
	}
	delete(whole, "metadata")
	whole["apiVersion"], whole["kind"] = "fleet.cattle.io/v1alpha1", kind
	return whole
}
