// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAliasesCostTheirExpansion(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i <= 'f'; i++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", i-1), 10), ","))
	}
	require.Equal(t, maxExpansion, expansion(20, 6, 50), "a tower of aliases")
	require.Greater(t, reading(bomb), 4*100_000)
	require.Less(t, reading("base: &base {a: 1, b: 2}\n"+strings.Repeat("- *base\n", 30)), 50_000, "one anchor, many aliases")
	require.Less(t, reading(strings.Repeat("a: \"* * * * *\" & b && c ** d https://x?a=1&b=2\n", 100)), 12_000, "neither anchors nor aliases")
}

// A text is charged before it is read, for all values that it stands for.
func TestATextIsChargedForItsExpansion(t *testing.T) {
	t.Parallel()
	for i := range 1000 {
		r := rand.New(rand.NewPCG(5, uint64(i)))
		var text strings.Builder
		for range r.IntN(30) {
			text.WriteString([]string{"a: ", "- ", "\n", "[", "]", "{", "}", ", ", "&a ", "&b ", "*a", "*b ", "x", "\"y\"", ": ", "? ", "  ", "<<: *a\n", "b: &b [*a, *a, *a]\n", "a: &a {k: v}\n"}[r.IntN(20)])
		}
		value, err := parseYAML(text.String())
		if err != nil {
			continue
		}
		require.GreaterOrEqual(t, reading(text.String()), 4*count(value), "seed 5, round %d: %q", i, text.String())
	}
}

// count returns the number of values in a value.
func count(value any) int {
	n := 1
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			n += count(e)
		}
	case map[string]any:
		for _, e := range v {
			n += count(e)
		}
	}
	return n
}

// shapes are values that are as expensive as possible for their size, each in one way.
var shapes = map[string]func(n int) map[string]any{
	"texts": func(n int) map[string]any {
		m := map[string]any{}
		for i := range n / 100 {
			m[fmt.Sprint("key", i)] = strings.Repeat("x y", 30)
		}
		return m
	},
	"members": func(n int) map[string]any {
		m := map[string]any{}
		for i := range n / 10 {
			m[fmt.Sprint("k", i)] = float64(i % 10)
		}
		return m
	},
	"numbers": func(n int) map[string]any {
		var list []any
		for range n / 4 {
			list = append(list, 1.0)
		}
		return map[string]any{"a": list}
	},
	"empty lists": func(n int) map[string]any {
		var list []any
		for range n / 6 {
			list = append(list, []any{})
		}
		return map[string]any{"a": list}
	},
	"nested lists": func(n int) map[string]any {
		var list []any
		for range n / 160 {
			var x any = "x"
			for range 40 {
				x = []any{x}
			}
			list = append(list, x)
		}
		return map[string]any{"a": list}
	},
	"nested maps": func(n int) map[string]any {
		out := map[string]any{}
		for i := range n / 200 {
			var x any = "x"
			for range 40 {
				x = map[string]any{"a": x}
			}
			out[fmt.Sprint("k", i)] = x
		}
		return out
	},
	"one text":      func(n int) map[string]any { return map[string]any{"a": strings.Repeat("word ", n/5)} },
	"one long line": func(n int) map[string]any { return map[string]any{"a": strings.Repeat("w", n)} },
	"many lines":    func(n int) map[string]any { return map[string]any{"a": strings.Repeat("a: b\n", n/5)} },
	"odd texts":     func(n int) map[string]any { return map[string]any{"a": strings.Repeat("\u2028'\"\\", n/6)} },
}

// BenchmarkWork compares the units of work on values with its time. A unit should be at
// most about 100 ns.
func BenchmarkWork(b *testing.B) {
	for name, shape := range shapes {
		data := shape(60_000)
		text, err := yamlOf(data)
		if err != nil {
			b.Fatal(err)
		}
		for what, do := range map[string]struct {
			units int
			do    func()
		}{
			"write": {extentOf(data).writing(), func() { _, _ = yamlOf(data) }},
			"read":  {reading(text), func() { v, _ := parseYAML(text); digestJSON(v) }},
			"copy":  {extentOf(data).copying(), func() { normalizeMap(data) }},
			"tame":  {extentOf(data).walking(), func() { staysItself(data); extentOf(data) }},
		} {
			b.Run(what+" "+name, func(b *testing.B) {
				for b.Loop() {
				}
				best := time.Duration(1 << 62)
				for range 5 {
					begun := processorTime(b)
					do.do()
					best = min(best, processorTime(b)-begun)
				}
				b.ReportMetric(float64(do.units), "units")
				b.ReportMetric(float64(best), "cpu-ns")
				b.ReportMetric(float64(best)/float64(do.units), "cpu-ns/unit")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func processorTime(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
