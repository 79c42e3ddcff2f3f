// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

var (
	seed  = flag.Uint64("seed", 1, "seed of the random tests")
	every = flag.Bool("every", false, "try many combinations of arguments, which takes a minute")
)

// The test calls every function with combinations of large and odd arguments. None may
// panic or hang. It logs the slowest (-v -every), which shows what needs a guard.
func TestEveryFunctionTakesAnything(t *testing.T) {
	t.Parallel()
	names := []string{"print", "printf", "println", "html", "js", "urlquery", "len", "index", "slice", "not", "and", "or", "call", "eq", "ne", "lt", "le", "gt", "ge"}
	for name := range sprig.TxtFuncMap() {
		if name == "env" || name == "expandenv" || name == "getHostByName" {
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	args := []string{
		`(repeat 500000 "a ")`, `9223372036854775807`, `-9223372036854775808`, `0`, `1.5`, `""`, `(until 20000)`,
		`(splitList "" (repeat 30000 "a"))`, `(dict "a" (dict "b" "c") "d" (until 20000))`, `nil`, `true`, `now`,
	}
	samples := 6
	if *every {
		samples = 300
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Logf("replay with -seed=%d", *seed)
			r := rand.New(rand.NewPCG(*seed, uint64(i)))
			var slowest time.Duration
			var slow string
			try := func(call string) {
				tmpl, err := sandbox.Parse("values", "${ "+call+" }")
				if err != nil {
					require.Contains(t, err.Error(), "template: ", call)
					return
				}
				start := time.Now()
				var budget sandbox.Budget
				text, err := tmpl.Execute(environment(), data(), &budget)
				if d := time.Since(start); d > slowest {
					slowest, slow = d, call
				}
				if err != nil {
					require.Less(t, len(err.Error()), 1100, call)
				}
				require.LessOrEqual(t, len(text), sandbox.MaxOutput)
			}
			try(name)
			for _, a := range args {
				try(name + " " + a)
			}
			for range samples {
				call := name + " " + args[r.IntN(len(args))] + " " + args[r.IntN(len(args))]
				try(call)
				try(call + " " + args[r.IntN(len(args))])
			}
			t.Logf("slowest: %v for %s", slowest, slow)
		})
	}
}
