// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

func match(target int, customizations ...int) targeting.Match {
	return targeting.Match{Target: target, Customizations: customizations}
}

func TestPerCluster(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]bool{
		`{}`:                            false,
		`{"helm":{}}`:                   false,
		`{"helm":{"values":{"a":"b"}}}`: false,
		`{"helm":{"values":{"a":"{{ .x }} $x {"}}}`:                                         false,
		`{"helm":{"values":{"a":"${ .ClusterName }"}}}`:                                     true,
		`{"helm":{"values":{"${ .ClusterName }":1}}}`:                                       true,
		`{"helm":{"values":{"a":["${ 1 }"]}}}`:                                              true,
		`{"helm":{"values":{"a":"global.fleet.clusterLabels.x"}}}`:                          true,
		`{"helm":{"values":{"a":["global.fleet.clusterLabels.x"]}}}`:                        false,
		`{"helm":{"templateValues":{"a":"b"}}}`:                                             false,
		`{"helm":{"templateValues":{"a":"${ 1 }"}}}`:                                        true,
		`{"helm":{"disablePreProcess":true,"values":{"a":"${ .x }"}}}`:                      false,
		`{"helm":{"disablePreProcess":true,"templateValues":{"a":"${ .x }"}}}`:              false,
		`{"helm":{"disablePreProcess":true,"values":{"a":"global.fleet.clusterLabels.x"}}}`: true,
		`{"namespace":"${ .ClusterName }"}`:                                                 false,
	} {
		require.Equal(t, want, versionOf(t, options).PerCluster(plain), options)
	}
}

func TestContentsThatDoNotDependOnTheClusterAreShared(t *testing.T) {
	t.Parallel()
	v := versionOf(t, `{"helm":{"values":{"a":1}},"targets":[{},{"namespace":"x"}]}`)
	one, two := labelled(), cluster(map[string]string{"other": "labels"})
	two.Name, two.UID = "c2", "other"
	inj := &rules.Injected{NoNamespaceCreation: true}
	content := v.Content(plain, inj, one)
	require.Same(t, content, v.Content(plain, inj, two))
	require.Same(t, content, v.Content(targeting.Match{Target: 0, Customizations: []int{}}, inj, two))
	for name, other := range map[string]*derive.Content{
		"another match":            v.Content(match(1), inj, one),
		"a customized match":       v.Content(match(0, 1), inj, one),
		"no injection":             v.Content(plain, nil, one),
		"an equal injection":       v.Content(plain, &rules.Injected{NoNamespaceCreation: true}, one),
		"a Cluster without labels": v.Content(plain, inj, unlabelled()),
	} {
		require.NotSame(t, content, other, name)
	}
	require.True(t, content.Equal(v.Content(plain, &rules.Injected{NoNamespaceCreation: true}, one)))
}

func TestContentsThatDependOnTheClusterAreItsOwn(t *testing.T) {
	t.Parallel()
	v := versionOf(t, `{"helm":{"values":{"a":"${ .ClusterName }","r":"${ randAlphaNum 10 }"}}}`)
	one, two := labelled(), labelled()
	two.Name, two.UID = "c2", "other"
	a, b := v.Content(plain, nil, one), v.Content(plain, nil, two)
	require.NotEqual(t, a.DeploymentID, b.DeploymentID)
	require.True(t, a.Equal(v.Content(plain, nil, one)), "and always the same")
	require.NotEqual(t, a.Options.Helm.Values.Data["r"], b.Options.Helm.Values.Data["r"])
	unevaluated := v.Content(plain, nil, unlabelled())
	require.Same(t, unevaluated, v.Content(plain, nil, cluster(nil)))
}

func TestRandomValuesChangeWithTheSpecAndNotWithLabels(t *testing.T) {
	t.Parallel()
	of := func(change func(*derive.Facts), labels map[string]string) any {
		f := facts()
		change(&f)
		v := derive.NewVersion(bundleOf(spec(t, `{"helm":{"values":{"r":"${ randAlphaNum 10 }"},"templateValues":{"a":"${ randAlphaNum 10 }","b":"${ randAlphaNum 10 }"}}}`)), f)
		content := v.Content(plain, nil, cluster(labels))
		data := content.Options.Helm.Values.Data
		require.NotEqual(t, data["a"], data["b"], "each template draws its own")
		require.NotEqual(t, data["a"], data["r"])
		return data["r"]
	}
	same := func(*derive.Facts) {}
	first := of(same, map[string]string{"a": "b"})
	require.Equal(t, first, of(same, map[string]string{"a": "c", "d": "e"}))
	require.Equal(t, first, of(func(f *derive.Facts) { f.ManifestID = "other"; f.Generation = 9 }, map[string]string{"a": "b"}))
	require.NotEqual(t, first, of(func(f *derive.Facts) { f.Seed = []byte("next") }, map[string]string{"a": "b"}))
}

func TestManyInjectionsAreForgotten(t *testing.T) {
	t.Parallel()
	v := versionOf(t, `{}`)
	for range 1000 {
		inj := &rules.Injected{NoNamespaceCreation: true}
		content := v.Content(plain, inj, labelled())
		require.Same(t, content, v.Content(plain, inj, labelled()))
	}
}

// With -race, this test checks safe concurrent use; without it, that equal arguments give
// equal bytes.
func TestAVersionServesManyAtOnce(t *testing.T) {
	t.Parallel()
	const options = `{"helm":{"values":{"a":"${ .ClusterName }","l":"global.fleet.clusterLabels.env","r":"${ randAlphaNum 5 }"},"templateValues":{"k":"${ keys .ClusterLabels }"}},
		"targets":[{},{"helm":{"values":{"a":"plain","l":"x","r":"y"},"templateValues":{"k":"1"}}},{"helm":{"values":{"n":{"m":1}}}}]}`
	const clusters = 8
	want := map[string]string{}
	key := func(target, i int, labels bool) string { return fmt.Sprint(target, i, labels) }
	each := func(v *derive.Version, do func(key, got string)) {
		for i := range clusters {
			for target := range 3 {
				for _, labels := range []bool{true, false} {
					c := labelled()
					if !labels {
						c = unlabelled()
					}
					c.Name = fmt.Sprint("c", i)
					content := v.Content(match(target), nil, c)
					do(key(target, i, labels), content.DeploymentID+content.Failure+shown(t, content.Options)+
						shown(t, derive.BundleDeployment(derive.Inputs{Bundle: bundleOf(spec(t, options)), Cluster: c, ManifestID: "s-m", Content: content})))
				}
			}
		}
	}
	each(versionOf(t, options), func(key, got string) { want[key] = got })
	shared := versionOf(t, options)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			each(shared, func(key, got string) {
				if want[key] != got {
					t.Errorf("%s: %s, want %s", key, got, want[key])
				}
			})
		})
	}
	wg.Wait()
}
