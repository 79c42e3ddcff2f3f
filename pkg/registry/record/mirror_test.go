// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// TestValuesHaveFleetsHash matters because fleet apply writes the hash into the Bundle.
func TestValuesHaveFleetsHash(t *testing.T) {
	t.Parallel()
	const known = "17e05a97acde825d03ca37c2b8fc1aecf3f8f9fde28c21702492c56d4d4a68f1" // S 4.3
	hash := record.ValuesHash(map[string][]byte{"values.yaml": []byte(`{"key":"value"}`), "target": []byte(`{"newkey":"value"}`)})
	require.Equal(t, known, hash)
	require.Equal(t, record.ValuesHash(nil), record.ValuesHash(map[string][]byte{}))
}

func TestValuesAreNamedByBundleAndHash(t *testing.T) {
	t.Parallel()
	hash := record.ValuesHash(nil)
	bundle := record.Name{Namespace: "ns", Name: "a.b-c"}
	key := record.ValuesKey(bundle, hash)
	require.Equal(t, "mirror/secrets/ns/a.b-c."+hash, key.Path())
	back, err := record.ParseKey(key.Path())
	require.NoError(t, err)
	require.Equal(t, key, back)
	name, found, err := record.ParseValuesKey(back)
	require.NoError(t, err)
	require.Equal(t, bundle, name)
	require.Equal(t, hash, found)
	for _, bad := range []string{"a", "a.", "." + hash, hash, "a." + strings.ToUpper(hash), "a." + hash[1:]} {
		key.Name.Name = bad
		_, _, err := record.ParseValuesKey(key)
		require.Error(t, err, bad)
	}
}
