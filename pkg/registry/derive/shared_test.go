// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// S 3.3 gives all templates of the options one context: values first, then templateValues
// sorted by key.
func TestTemplatesOfOneClusterShareWhatTheySet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, options, want string }{
		{
			"what values set, templateValues see",
			`{"helm":{"values":{"a":"x${ $_ := set . \"shared\" \"v\" }"},"templateValues":{"b":"${ .shared }"}}}`,
			`{"a":"x","b":"v"}`,
		},
		{
			"a label that values set is one for templateValues",
			`{"helm":{"values":{"a":"x${ $_ := set .ClusterLabels \"zone\" \"v\" }"},"templateValues":{"b":"${ .ClusterLabels.zone }","c":"${ get .ClusterLabels \"zone\" | default \"unset\" }"}}}`,
			`{"a":"x","b":"v","c":"v"}`,
		},
		{
			"templateValues see what those before them set, by key",
			`{"helm":{"templateValues":{"b":"${ get . \"n\" }","a":"1${ $_ := set . \"n\" \"a\" }","c":"${ .n }"}}}`,
			`{"a":1,"b":"a","c":"a"}`,
		},
		{
			"and not what those after them set",
			`{"helm":{"templateValues":{"a":"${ hasKey . \"n\" }","b":"${ $_ := set . \"n\" \"b\" }2"}}}`,
			`{"a":false,"b":2}`,
		},
		{
			"what is removed is gone",
			`{"helm":{"values":{"a":"${ $_ := unset .ClusterLabels \"env\" }x"},"templateValues":{"b":"${ hasKey .ClusterLabels \"env\" }"}}}`,
			`{"a":"x","b":false}`,
		},
		{
			"values of the Cluster can be written to as well",
			`{"helm":{"values":{"a":"${ $_ := set .ClusterValues \"port\" 1 }x"},"templateValues":{"b":"${ .ClusterValues.port }"}}}`,
			`{"a":"x","b":1}`,
		},
		{
			"labels that stand for values were put in before",
			`{"helm":{"values":{"a":"${ $_ := set .ClusterLabels \"env\" \"other\" }x","l":"global.fleet.clusterLabels.env"},"templateValues":{"b":"${ .ClusterLabels.env }"}}}`,
			`{"a":"x","l":"prod","b":"other"}`,
		},
		{
			"an own template of the text stays its own",
			`{"helm":{"values":{"a":"${ define \"t\" }x${ end }${ template \"t\" }"},"templateValues":{"b":"${ define \"t\" }z${ end }${ template \"t\" }"}}}`,
			`{"a":"x","b":"z"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, on := versionOf(t, c.options), labelled()
			before := on.DeepCopy()
			for range 2 { // the second time finds what the first one left behind, if anything
				content := v.Content(plain, nil, on)
				require.Empty(t, content.Failure)
				require.JSONEq(t, c.want, shown(t, content.Options.Helm.Values))
			}
			require.Equal(t, before, on, "the Cluster is not written to")
			other := labelled()
			other.Name = "other"
			require.JSONEq(t, c.want, shown(t, v.Content(plain, nil, other).Options.Helm.Values), "nothing leaks from another Cluster")
		})
	}
}

func TestAFailedTemplateIsNotRetriedOnItsOwnWrites(t *testing.T) {
	t.Parallel()
	v := versionOf(t, `{"helm":{"templateValues":{"a":"${ if not (hasKey . \"n\") }${ $_ := set . \"n\" 1 }${ fail \"first\" }${ end }second"}}}`)
	for range 2 {
		require.Contains(t, v.Content(plain, nil, labelled()).Failure, "first")
	}
}

var sharing = []string{
	`${ $_ := set . "n" "1" }`, `${ $_ := set . "n" (list "x") }`, `${ get . "n" }`, `${ .n }`, `${ hasKey . "n" }`, `${ $_ := unset . "n" }`, `${ $_ := set .ClusterLabels "n" "l" }`,
	`${ .ClusterLabels.n }`, `${ get .ClusterLabels "n" | default "none" }`, `${ keys .ClusterLabels | sortAlpha | join "," }`, `${ $_ := set .ClusterValues "n" .ClusterName }`,
	`${ .ClusterValues.n }`, `${ $_ := merge .ClusterAnnotations (dict "n" "m") }`, `${ .ClusterAnnotations.n }`, `${ $n := 5 }`, `${ len .ClusterLabels }`, `${ .ClusterName }`,
	`${ $_ := set . "ClusterName" "renamed" }`, `x`, ``,
}

// The oracle is the naive implementation of the specification.
func TestSharingAgreesWithTheNaiveImplementation(t *testing.T) {
	t.Parallel()
	works := 0
	const rounds = 200
	for i := range rounds {
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		replay := fmt.Sprintf("seed %d, round %d", *seed, i)
		text := func() string {
			out := ""
			for range 1 + r.IntN(2) {
				out += sharing[r.IntN(len(sharing))]
			}
			return out
		}
		options := &v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{
			Values: &v1alpha1.GenericMap{Data: map[string]any{"a": text(), "b": text()}}, TemplateValues: map[string]string{"b": text(), "c": text(), "d": text()},
		}}
		v := versionWith(*options.DeepCopy())
		for n := range 2 {
			c := randomCluster(r, n)
			want, err := naive(*floats(t, options), c)
			content := v.Content(plain, nil, c)
			require.Equal(t, err != nil, content.Failure != "", "%s: %v, %s\n%s", replay, err, content.Failure, shown(t, options))
			if err == nil {
				require.Equal(t, shown(t, want), shown(t, content.Options), "%s\n%s", replay, shown(t, options))
				works++
			}
		}
	}
	require.Greater(t, works, rounds/4, "the test has to reach templates that work")
}

// unchanged is the digest of random Bundles' contents from before the work of templates was
// counted.
const unchanged = "e1c32cfb32cb2ca0875cfc8c92af20c1809ce2764d6c133acc23bc971a1048e7"

func TestCheapTemplatesKeepTheirDeploymentIDs(t *testing.T) {
	t.Parallel()
	require.Equal(t, unchanged, digestOfRandomContents(t))
}
