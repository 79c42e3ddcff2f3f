// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/test/replay"
)

// pinned returns the content of complete options.
func pinned(t testing.TB, manifestID, options string) *derive.Content {
	t.Helper()
	var out v1alpha1.BundleDeploymentOptions
	require.NoError(t, json.Unmarshal([]byte(options), &out))
	return derive.Pinned(manifestID, out)
}

func TestStagedAndPromotedContentAreBothShown(t *testing.T) {
	t.Parallel()
	in := inputs(t, `{"targets":[{"namespaceLabels":{"all":"1"}}]}`)
	in.Content = pinned(t, "s-old", `{"namespace":"old","namespaceLabels":{"own":"old"}}`)
	in.Staged = pinned(t, "s-new", `{"namespace":"new","namespaceLabels":{"own":"new"},"correctDrift":{"force":true}}`)
	in.Computed = pinned(t, "s-newest", `{"namespace":"newest","correctDrift":{"enabled":true}}`)
	spec := derive.BundleDeployment(in).Spec
	require.Equal(t, in.Content.DeploymentID, spec.DeploymentID)
	require.Equal(t, in.Staged.DeploymentID, spec.StagedDeploymentID)
	require.Equal(t, "old", spec.Options.TargetNamespace)
	require.Equal(t, "new", spec.StagedOptions.TargetNamespace)
	require.Equal(t, map[string]string{"own": "old", "all": "1"}, spec.Options.NamespaceLabels, "what every target says is shown at once")
	require.Equal(t, map[string]string{"own": "new", "all": "1"}, spec.StagedOptions.NamespaceLabels)
	require.Equal(t, &v1alpha1.CorrectDrift{Enabled: true}, spec.CorrectDrift, "and so is whether drift is corrected")
}

func TestNothingPromotedIsAnEmptyID(t *testing.T) {
	t.Parallel()
	in := inputs(t, `{}`)
	in.Content, in.Staged = derive.Nothing, in.Content
	text, err := json.Marshal(derive.BundleDeployment(in).Spec)
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &members))
	require.JSONEq(t, `{}`, string(members["options"]))
	require.NotContains(t, members, "deploymentID")
	require.Contains(t, members, "stagedDeploymentID")
	require.True(t, derive.Nothing.Empty())
	require.False(t, in.Staged.Empty())
}

// TestGenerationsOfHeldSpecsDifferIfTheSpecsDo builds specs from few contents, and compares
// every two.
func TestGenerationsOfHeldSpecsDifferIfTheSpecsDo(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	options := []string{`{}`, `{"namespace":"a"}`, `{"namespaceLabels":{"l":"1"}}`, `{"namespaceLabels":{"l":"2"}}`, `{"correctDrift":{"enabled":true}}`}
	some := func() *derive.Content {
		if r.IntN(6) == 0 {
			return derive.Nothing
		}
		return pinned(t, "s-m", options[r.IntN(len(options))])
	}
	byGeneration, bySpec := map[int64]string{}, map[string]int64{}
	for range 2000 {
		in := inputs(t, []string{`{}`, `{"targets":[{"namespaceLabels":{"l":"1"}}]}`}[r.IntN(2)])
		in.Content = some()
		if r.IntN(3) > 0 {
			in.Staged = some()
		}
		if r.IntN(3) > 0 {
			in.Computed = some()
		}
		bd := derive.BundleDeployment(in)
		text := shown(t, bd.Spec)
		if other, ok := byGeneration[bd.Generation]; ok {
			require.Equal(t, other, text, "one generation, two specs")
		}
		if other, ok := bySpec[text]; ok {
			require.Equal(t, other, bd.Generation, "one spec, two generations")
		}
		byGeneration[bd.Generation], bySpec[text] = text, bd.Generation
	}
	require.Greater(t, len(bySpec), 50)
}

func TestWithDiffKeepsTheDeploymentID(t *testing.T) {
	t.Parallel()
	a, b := pinned(t, "s-m", `{"namespace":"a"}`), pinned(t, "s-m", `{"namespace":"b","diff":{"comparePatches":[{"kind":"ConfigMap"}]}}`)
	require.Same(t, a, a.WithDiff(pinned(t, "s-n", `{}`)), "the same diff gives the same content")
	with := a.WithDiff(b)
	require.Equal(t, a.DeploymentID, with.DeploymentID)
	require.Equal(t, b.Options.Diff, with.Options.Diff)
	require.Equal(t, "a", with.Options.TargetNamespace)
	require.Nil(t, a.Options.Diff)
	require.False(t, with.Equal(a))
	require.Equal(t, "s-m", with.ManifestID())
}
