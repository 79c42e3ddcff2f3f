// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/manifest"
)

var seed = flag.Uint64("seed", 1, "seed of the random tests")

func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	bytes := manifest.Encode([]v1alpha1.BundleResource{{Name: "foo", Content: "bar"}})
	require.Equal(t, `{"resources":[{"name":"foo","content":"bar"}]}`+"\n", string(bytes))
	require.Equal(t, "b538e5004002a3ba4700d90b52d258f575e288e584c03e0e301f2032e937ff9d", manifest.Digest(bytes))
	require.Equal(t, "s-b538e5004002a3ba4700d90b52d258f575e288e584c03e0e301f2032e937f", manifest.ID(manifest.Digest(bytes)))

	for _, none := range [][]v1alpha1.BundleResource{nil, {}} {
		require.Equal(t, "s-ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442",
			manifest.ID(manifest.Digest(manifest.Encode(none))))
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   v1alpha1.BundleResource
		want string
	}{
		{"members are in the order name, content, encoding", v1alpha1.BundleResource{Encoding: "e", Content: "c", Name: "n"}, `{"name":"n","content":"c","encoding":"e"}`},
		{"empty members are left out", v1alpha1.BundleResource{Content: "c"}, `{"content":"c"}`},
		{"an empty resource stays", v1alpha1.BundleResource{}, `{}`},
		{"HTML is escaped", v1alpha1.BundleResource{Content: "<a>&"}, `{"content":"\u003ca\u003e\u0026"}`},
		{"line separators are escaped", v1alpha1.BundleResource{Content: "\u2028\u2029"}, `{"content":"\u2028\u2029"}`},
		{"invalid UTF-8 is replaced byte by byte", v1alpha1.BundleResource{Content: "a\xff\xfeb"}, `{"content":"a\ufffd\ufffdb"}`},
		{"newlines and tabs are escaped", v1alpha1.BundleResource{Content: "a\n\tb"}, `{"content":"a\n\tb"}`},
		{"other scripts are not escaped", v1alpha1.BundleResource{Content: "ü漢"}, `{"content":"ü漢"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := string(manifest.Encode([]v1alpha1.BundleResource{c.in}))
			require.Equal(t, `{"resources":[`+c.want+"]}\n", got)
		})
	}
}

func TestOrderIsKeptAndMatters(t *testing.T) {
	t.Parallel()
	a, b := v1alpha1.BundleResource{Name: "a"}, v1alpha1.BundleResource{Name: "b"}
	one := manifest.Encode([]v1alpha1.BundleResource{b, a})
	require.NotEqual(t, one, manifest.Encode([]v1alpha1.BundleResource{a, b}))
	back, err := manifest.Decode(one)
	require.NoError(t, err)
	require.Equal(t, []v1alpha1.BundleResource{b, a}, back)
}

// The oracle is encoding/json on a map, which sorts the keys: content, encoding, name. Both
// must mean the same, and encoding and decoding must change nothing.
func TestRandomResourcesSurviveEncodingAndDecoding(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(*seed, 0))
	t.Logf("replay with -seed=%d", *seed)
	for range 500 {
		resources := make([]v1alpha1.BundleResource, r.IntN(5))
		maps := []map[string]string{}
		for i := range resources {
			resources[i] = v1alpha1.BundleResource{Name: randomText(r), Content: randomText(r), Encoding: randomText(r)}
			m := map[string]string{}
			for key, value := range map[string]string{"name": resources[i].Name, "content": resources[i].Content, "encoding": resources[i].Encoding} {
				if value != "" {
					m[key] = value
				}
			}
			maps = append(maps, m)
		}
		encoded := manifest.Encode(resources)
		var got struct{ Resources []map[string]string }
		require.NoError(t, json.Unmarshal(encoded, &got))
		require.ElementsMatch(t, maps, got.Resources)
		require.Equal(t, byte('\n'), encoded[len(encoded)-1])

		unpacked, err := manifest.Decompress(manifest.Compress(encoded), int64(len(encoded)))
		require.NoError(t, err)
		require.Equal(t, encoded, unpacked)
		back, err := manifest.Decode(unpacked)
		require.NoError(t, err)
		require.Len(t, back, len(resources))
		for i := range back {
			require.Equal(t, resources[i], back[i])
		}
	}
}

func randomText(r *rand.Rand) string {
	alphabet := []rune("ab<>&\"\\\n\t\u2028\u2029é漢\U0001F600\x00")
	var b strings.Builder
	for range r.IntN(20) {
		b.WriteRune(alphabet[r.IntN(len(alphabet))])
	}
	if !utf8.ValidString(b.String()) {
		panic("the alphabet holds invalid runes")
	}
	return b.String()
}

func TestCompressGivesTheSameBytesEachTime(t *testing.T) {
	t.Parallel()
	in := bytes.Repeat([]byte("muster "), 1000)
	first := manifest.Compress(in)
	require.Equal(t, first, manifest.Compress(in))
}

func TestDecompress(t *testing.T) {
	t.Parallel()
	good := manifest.Compress([]byte("0123456789"))
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	for range 64 {
		_, err := w.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	for _, c := range []struct {
		name  string
		in    []byte
		limit int64
		want  string
	}{
		{"the limit itself is allowed", good, 10, ""},
		{"one byte more is not", good, 9, "decompressed manifest is too large: more than 9 bytes"},
		{"a bomb is left after the limit", bomb.Bytes(), 1000, "decompressed manifest is too large: more than 1000 bytes"},
		{"an input that is not gzip", []byte("{}"), 10, "manifest is not gzip"},
		{"an empty input", nil, 10, "manifest is not gzip"},
		{"a truncated input is damaged", good[:len(good)-4], 10, "manifest is damaged gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := manifest.Decompress(c.in, c.limit)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestDecodeRefusesMalformedManifests(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "[]", `{"resources":1}`, `{"resources":[]}x`} {
		_, err := manifest.Decode([]byte(in))
		require.ErrorContains(t, err, "manifest is not the JSON that Encode writes", in)
	}
}

func TestAStampAddsOnlyATime(t *testing.T) {
	t.Parallel()
	text := manifest.Encode([]v1alpha1.BundleResource{{Name: "a", Content: "b"}})
	compressed := manifest.Compress(text)
	same, none := manifest.Unstamp(compressed)
	require.Equal(t, compressed, same, "the output of older versions has no time")
	require.True(t, none.IsZero())
	for _, at := range []time.Time{time.Unix(1, 0), time.Unix(1_800_000_000, 999), time.Unix(1<<32-1, 0)} {
		stamped := manifest.Stamp(compressed, at)
		back, when := manifest.Unstamp(stamped)
		require.Equal(t, compressed, back)
		require.Equal(t, at.Unix(), when.Unix())
		got, err := manifest.Decompress(stamped, 1000)
		require.NoError(t, err)
		require.Equal(t, text, got, "older versions read it")
	}
	require.Equal(t, manifest.Compress(text), compressed, "Stamp copies")
	for _, short := range [][]byte{nil, {}, []byte("x")} {
		require.Equal(t, short, manifest.Stamp(short, time.Unix(1, 0)))
		back, when := manifest.Unstamp(short)
		require.Equal(t, short, back)
		require.True(t, when.IsZero())
	}
}
