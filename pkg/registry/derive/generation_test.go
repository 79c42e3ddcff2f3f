// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/musterfleet/muster/pkg/apis/fleet/fuzzer"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// TestTheTextOfAGenerationIsItsJSON compares with encoding/json, over random specs.
func TestTheTextOfAGenerationIsItsJSON(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	filler := randfill.NewWithSeed(r.Int64()).NilChance(0.5).NumElements(0, 2).
		Funcs(fuzzer.Funcs(serializer.NewCodecFactory(runtime.NewScheme()))...)
	for range 500 {
		var spec v1alpha1.BundleDeploymentSpec
		filler.Fill(&spec)
		switch r.IntN(3) {
		case 0:
			spec.StagedDeploymentID, spec.DeploymentID = "s-0123456789abcdef:"+uuid.NewString(), "s-1:x-y"
		case 1:
			spec.DeploymentID = []string{"", "a b", "<", "\n", "ü", "A"}[r.IntN(6)]
		}
		apart := r.IntN(2) == 0
		text := struct {
			Spec                            v1alpha1.BundleDeploymentSpec
			Labels, Annotations             map[string]string
			StagedLabels, StagedAnnotations map[string]string `json:",omitempty"`
		}{Spec: spec, Labels: spec.Options.NamespaceLabels, Annotations: spec.Options.NamespaceAnnotations}
		if apart {
			text.StagedLabels, text.StagedAnnotations = spec.StagedOptions.NamespaceLabels, spec.StagedOptions.NamespaceAnnotations
		}
		text.Spec.Options, text.Spec.StagedOptions = v1alpha1.BundleDeploymentOptions{}, v1alpha1.BundleDeploymentOptions{}
		want, err := json.Marshal(&text)
		require.NoError(t, err)
		require.Equal(t, string(want), string(appendGenerationText(nil, &spec, apart)))
	}
}

// TestGenerationsStayAsTheyAre pins numbers that clients have stored.
func TestGenerationsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	one := &Content{DeploymentID: "s-1:a", Options: v1alpha1.BundleDeploymentOptions{ServiceAccount: "sa"}}
	two := &Content{DeploymentID: "s-1:b", Options: v1alpha1.BundleDeploymentOptions{NamespaceLabels: map[string]string{"a": "b"}}}
	spec := v1alpha1.BundleDeploymentSpec{DeploymentID: one.DeploymentID, StagedDeploymentID: one.DeploymentID, Options: one.Options, StagedOptions: one.Options}
	require.EqualValues(t, 1213395491699555, generation(&spec, one, one))
	spec.StagedDeploymentID, spec.StagedOptions = two.DeploymentID, two.Options
	spec.DependsOn = []v1alpha1.BundleRef{{Name: "x"}}
	require.EqualValues(t, 733337526673896, generation(&spec, one, two))
}

func TestUUIDsAreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a/b", "11111111-1111-1111-1111-111111111111/22222222-2222-2222-2222-222222222222", string(make([]byte, 300))} {
		require.Equal(t, uuid.NewSHA1(identities, []byte(name)), uuidOf(identities, name))
	}
}
