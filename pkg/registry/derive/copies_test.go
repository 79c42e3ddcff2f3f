// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestAnAgentWaitsForCopiesThatAreMeantForIt(t *testing.T) {
	t.Parallel()
	named := func(kind, name string) []v1alpha1.DownstreamResource {
		return []v1alpha1.DownstreamResource{{Kind: kind, Name: name}}
	}
	for _, c := range []struct {
		name   string
		named  []v1alpha1.DownstreamResource
		bundle v1alpha1.BundleSpec
		held   []string
		waits  bool
	}{
		{"it needs nothing", nil, v1alpha1.BundleSpec{}, nil, false},
		{"a Secret that is not held", named("Secret", "a"), v1alpha1.BundleSpec{}, []string{"secrets/b"}, true},
		{"a Secret that is held", named("SECRET", "a"), v1alpha1.BundleSpec{}, []string{"configmaps/a", "secrets/a", "secrets/b"}, false},
		{"a ConfigMap with a Secret's name", named("ConfigMap", "a"), v1alpha1.BundleSpec{}, []string{"secrets/a"}, true},
		{"a kind that is not copied", named("Pod", "a"), v1alpha1.BundleSpec{}, []string{"secrets/a"}, true},
		{"no name", named("Secret", ""), v1alpha1.BundleSpec{}, []string{"secrets/a"}, true},
		{"a registry's Secret", nil, v1alpha1.BundleSpec{ContentsID: "s-1"}, nil, true},
		{"a registry's Secret that is held", nil, v1alpha1.BundleSpec{ContentsID: "s-1"}, []string{"secrets/s-1"}, false},
		{"a chart without a Secret", nil, v1alpha1.BundleSpec{ContentsID: "s-1", HelmOpOptions: &v1alpha1.BundleHelmOptions{}}, nil, false},
		{"a chart's Secret", nil, v1alpha1.BundleSpec{HelmOpOptions: &v1alpha1.BundleHelmOptions{SecretName: "h"}}, []string{"secrets/s-1"}, true},
		{"one of two", named("Secret", "a"), v1alpha1.BundleSpec{ContentsID: "s-1"}, []string{"secrets/a"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := &v1alpha1.BundleDeploymentOptions{DownstreamResources: c.named}
			require.Equal(t, c.waits, AwaitsCopies(options, &c.bundle, c.held))
		})
	}
}
