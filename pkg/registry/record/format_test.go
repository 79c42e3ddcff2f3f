// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestEveryRecordThatIsWrittenHasAFormatThatThisVersionKnows(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an object":     `{"object":{"a":1}}`,
		"a guard":       `{}`,
		"with a format": `{"v":1,"a":2}`,
		"a report":      "\x01abc",
		"packed":        "\x02\x01abc",
		"a content":     "\x1f\x8babc",
		"empty":         "",
		"not JSON":      "x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stamped := record.Stamp([]byte(text))
			require.NoError(t, record.CheckFormat("k", stamped))
			require.Equal(t, stamped, record.Stamp(stamped), "a second Stamp changes nothing")
			if !strings.HasPrefix(text, "{") {
				require.Equal(t, text, string(stamped))
				return
			}
			var was, is map[string]any
			require.NoError(t, json.Unmarshal([]byte(text), &was))
			require.NoError(t, json.Unmarshal(stamped, &is))
			require.EqualValues(t, record.Format, is["v"])
			was["v"] = is["v"]
			require.Equal(t, was, is)
		})
	}
}

func TestOnlyARecordThatThisVersionCannotKnowIsNewer(t *testing.T) {
	t.Parallel()
	for text, newer := range map[string]string{
		`{"v":2}`:                        "format 2, and this version knows formats up to 1",
		`{"v":2,"object":{}}`:            "format 2,",
		`{"v":9000000000000000000,"a":1`: "format 9000000000000000000,",
		"\x02\x02abc":                    "format 2,",
		"\x03abc":                        "form 3, and this version knows forms up to 2",
		"\x1e":                           "form 30,",

		`{"v":1,"x":{"v":2}}`: "", `{"v":-1}`: "", `{"v":"2"}`: "", `{"v":`: "", `{"v":2`: "", `{`: "",
		`{"v":99999999999999999999999999999999999}`: "", `{"object":{"v":2}}`: "",
		"\x00\xff": "", "\x01": "", "\x02": "", "\n{}": "", "not json": "", "": "",
	} {
		err := record.CheckFormat("object/bundles/ns/b", []byte(text))
		if newer == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorIs(t, err, record.ErrNewer, text)
		require.ErrorContains(t, err, "object/bundles/ns/b has "+newer)
	}
}

func TestALongTextIsPackedAndReadBack(t *testing.T) {
	t.Parallel()
	pins := record.ClusterPins{Pins: []record.ClusterPin{{BundleUID: "u", Generation: 2, ManifestID: strings.Repeat("values and values, ", 1<<12)}}}
	text, err := json.Marshal(pins)
	require.NoError(t, err)
	packed := record.Pack(text)
	require.Less(t, len(packed), len(text)/50)
	require.Equal(t, packed, record.Pack(text), "equal records have equal bytes")
	require.NoError(t, record.CheckFormat("k", packed))
	out, err := record.Decode[record.ClusterPins](packed)
	require.NoError(t, err)
	require.Equal(t, pins, *out)

	for name, spoilt := range map[string][]byte{"cut": packed[:len(packed)/2], "no frame": packed[:2], "another frame": append([]byte{2, 1}, "garbage"...)} {
		_, err := record.Decode[record.ClusterPins](spoilt)
		require.Error(t, err, name)
	}
	require.Equal(t, `{"pins":[]}`, string(record.Pack([]byte(`{"pins":[]}`))), "short texts stay readable")
}
