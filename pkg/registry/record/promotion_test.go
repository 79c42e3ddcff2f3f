// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func deployment(manifestID, namespace string) *record.Deployment {
	return &record.Deployment{ManifestID: manifestID, Options: v1alpha1.BundleDeploymentOptions{TargetNamespace: namespace}}
}

func TestAPromotionIsReadBack(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]*record.Promotion{
		"nothing yet":                       {UID: "u"},
		"staged only":                       {UID: "u", Staged: deployment("s-1", "a")},
		"promoted, and nothing staged":      {UID: "u", Promoted: deployment("s-1", "a")},
		"two versions":                      {UID: "u", Staged: deployment("s-2", "a"), Promoted: deployment("s-1", "a")},
		"the same staged as promoted":       {UID: "u", Staged: deployment("s-1", "a"), Promoted: deployment("s-1", "a")},
		"the same options of two manifests": {UID: "u", Staged: deployment("s-1", "a"), Promoted: deployment("s-2", "a")},
	} {
		data, err := in.Encode()
		require.NoError(t, err, name)
		out, err := record.DecodePromotion(data)
		require.NoError(t, err, name)
		require.Equal(t, in, out, name)
		again, err := out.Encode()
		require.NoError(t, err, name)
		require.Equal(t, string(data), string(again), name)
	}
}

func TestOptionsThatAreStagedAndPromotedAreStoredOnce(t *testing.T) {
	t.Parallel()
	in := &record.Promotion{UID: "u", Staged: deployment("s-1", "somewhere"), Promoted: deployment("s-1", "somewhere")}
	data, err := in.Encode()
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(data), "somewhere"))
	out, err := record.DecodePromotion(data)
	require.NoError(t, err)
	require.Same(t, out.Staged, out.Promoted)
}

func TestABadPromotionIsAnError(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "[]", `{"both":[]}`, `{"staged":"s-1"}`} {
		_, err := record.DecodePromotion([]byte(data))
		require.ErrorContains(t, err, "promotion", data)
	}
}
