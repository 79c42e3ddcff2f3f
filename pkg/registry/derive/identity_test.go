// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	sigsyaml "sigs.k8s.io/yaml"
)

// pieces are the parts of random texts.
var pieces = []string{
	"a", "bc", " ", "  ", "\n", "\n\n", "\t", "\r", ":", ": ", " #", "#", "-", "- ", "'", "\"", "\\", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`", "?", "? ",
	"true", "no", "Y", "null", "~", "0", "1", "0x1f", "0o7", "1e3", ".5", "1_000", "12:30", "2026-01-02", ".inf", ".nan", "=", "<<", "---", "...", "${ .x }", "${", "ü", "\u00a0", "\u0085",
	"\u2028", "\ufeff", "\x01", "\x7f", "\xff", "\U0001f600", "\ue000", "\ufffe", "a long text of many words that is folded somewhere if it is folded at all, and then some more words",
}

func randomPieces(r *rand.Rand) string {
	text := ""
	for range r.IntN(5) {
		text += pieces[r.IntN(len(pieces))]
	}
	return text
}

func randomTree(r *rand.Rand, depth int) any {
	switch n := r.IntN(12); {
	case n < 5 || depth > 5:
		return randomPieces(r)
	case n == 5:
		return []any{nil, true, false}[r.IntN(3)]
	case n < 8:
		return []any{0.0, 1.0, -1.0, 1.5, 1e20, 1e21, -1e22, 1e-9, 1.0 / 3, float64(1 << 53), float64(1 << 62), 9223372036854775807.0, 18446744073709551615.0, 1e19, 5e-324, 1.7e308, 100000000.0, 123456789.125}[r.IntN(18)]
	case n < 10:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = randomTree(r, depth+1)
		}
		return list
	}
	return randomTreeMap(r, depth)
}

func randomTreeMap(r *rand.Rand, depth int) map[string]any {
	m := map[string]any{}
	for range r.IntN(4) {
		m[randomPieces(r)] = randomTree(r, depth+1)
	}
	return m
}

// The oracle writes with sigs.k8s.io/yaml and reads with parseYAML.
func TestTheYAMLRoundTripAgreesWithSigsYAML(t *testing.T) {
	t.Parallel()
	const seed = 1
	rounds, same, written := 3000, 0, 0
	for i := range rounds {
		replay := fmt.Sprintf("seed %d, round %d", seed, i)
		data := randomTreeMap(rand.New(rand.NewPCG(seed, uint64(i))), 0)
		if i%4 == 0 { // a single text, so that a strange one does not hide the others
			data = map[string]any{"k": randomPieces(rand.New(rand.NewPCG(seed, uint64(i))))}
		}
		want, wantErr := sigsyaml.Marshal(data)
		got, err := yamlOf(data)
		require.Equal(t, wantErr == nil, err == nil, replay)
		if err != nil {
			continue
		}
		require.Equal(t, string(want), got, "%s: %q", replay, data)
		if _, ok := yamlTree(data); ok {
			written++
		}
		back, err := interpretMap(string(want))
		if staysItself(data) {
			same++
			require.NoError(t, err, "%s: %q", replay, data)
			require.Equal(t, back, data, "%s: %q", replay, data)
		}
	}
	require.Greater(t, same, rounds/10, "the test has to reach values that stay themselves")
	require.Greater(t, written, rounds/5, "the test has to reach values that are written without the way through JSON")
}
