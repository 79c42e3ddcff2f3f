// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func settings(t *testing.T, args ...string) Settings {
	t.Helper()
	s := DefaultSettings()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.AddFlags(flags)
	require.NoError(t, flags.Parse(args))
	return s
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"--clusterprofile-labels=", "--clusterprofile-properties=a,b/*", "--clusterprofile-property-prefix=inventory.example.com/"} {
		s := settings(t, good)
		require.Empty(t, s.Validate(), good)
	}
	for _, bad := range []string{
		"--clusterprofile-labels=a*b", "--clusterprofile-properties=*,**",
		"--clusterprofile-property-prefix=", "--clusterprofile-property-prefix=inventory", "--clusterprofile-property-prefix=A/", "--clusterprofile-property-prefix=x.cattle.io/",
	} {
		s := settings(t, bad)
		flag, _, _ := strings.Cut(bad, "=")
		require.ErrorContains(t, errors.Join(s.Validate()...), flag, bad)
	}
}

func TestAProfileAsksForTheseLabels(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64)
	for _, c := range []struct {
		name       string
		args       []string
		labels     are
		properties []property
		want       are
		skipped    []string
	}{
		{name: "labels keep their keys", labels: are{"env": "prod", "x-k8s.io/cluster-manager": "m"}, want: are{"env": "prod", "x-k8s.io/cluster-manager": "m"}},
		{name: "the name of a property follows the prefix", properties: []property{{"region", "eu"}, {"topology.kubernetes.io/zone", "a"}}, want: are{"clusterprofile/region": "eu", "clusterprofile/topology.kubernetes.io_zone": "a"}},
		{
			name: "labels that decide identity or that tools search for are not taken",
			labels: are{
				"fleet.cattle.io/cluster-management": "x", "management.cattle.io/cluster-display-name": "x", "objectset.rio.cattle.io/hash": "x", "cattle.io/a": "x",
				"app.kubernetes.io/instance": "x", "helm.sh/chart": "x", "argocd.argoproj.io/instance": "x", "kustomize.toolkit.fluxcd.io/name": "x",
				"kubernetes.io/arch": "arm", "notcattle.io/a": "b", "cattle.io": "b",
			},
			want: are{"kubernetes.io/arch": "arm", "notcattle.io/a": "b", "cattle.io": "b"},
		},
		{name: "a label cannot pretend to be a property", labels: are{"clusterprofile/region": "us"}, want: are{}},
		{name: "chosen labels", args: []string{"--clusterprofile-labels=env,team.example.com/*"}, labels: are{"env": "a", "environment": "b", "team.example.com/name": "c"}, want: are{"env": "a", "team.example.com/name": "c"}},
		{name: "no labels", args: []string{"--clusterprofile-labels="}, labels: are{"env": "a"}, want: are{}},
		{name: "chosen properties", args: []string{"--clusterprofile-properties=reg*"}, properties: []property{{"region", "eu"}, {"zone", "a"}}, want: are{"clusterprofile/region": "eu"}},
		{name: "another prefix", args: []string{"--clusterprofile-property-prefix=inventory.example.com/"}, properties: []property{{"region", "eu"}}, want: are{"inventory.example.com/region": "eu"}},
		{
			name:       "what is no label is skipped, and the rest is taken",
			properties: []property{{long, "a"}, {"a b", "a"}, {"value", "a b"}, {"long", long}, {"empty", ""}, {"good", "a"}},
			want:       are{"clusterprofile/good": "a", "clusterprofile/empty": ""},
			skipped:    []string{"clusterprofile/" + long, "clusterprofile/a b", "clusterprofile/value", "clusterprofile/long"},
		},
		{
			name: "of two properties with one key, the order does not decide", properties: []property{{"a_b", "1"}, {"a/b", "2"}, {"c", "2"}, {"c", "1"}},
			want: are{"clusterprofile/a_b": "2", "clusterprofile/c": "1"}, skipped: []string{"clusterprofile/a_b", "clusterprofile/c"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := settings(t, c.args...)
			m := s.labelsOf(&profile{ObjectMeta: metav1.ObjectMeta{Labels: c.labels}, properties: c.properties})
			require.Equal(t, c.want, m.labels)
			var skipped []string
			for key := range m.skipped {
				skipped = append(skipped, key)
			}
			require.ElementsMatch(t, c.skipped, skipped)
		})
	}
}
