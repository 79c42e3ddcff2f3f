// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// The cases cover every row of S 3.1 through Content: the options of a Bundle with those of
// its one target.
func TestATargetsOptionsAreMergedOntoTheBundles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, bundle, target, want string }{
		{"nothing on nothing is nothing", `{}`, `{}`, `{}`},
		{"a target's namespaces and account win", `{"defaultNamespace":"a","namespace":"b","serviceAccount":"c"}`, `{"defaultNamespace":"x","namespace":"y","serviceAccount":"z"}`, `{"defaultNamespace":"x","namespace":"y","serviceAccount":"z"}`},
		{"empty ones do not", `{"defaultNamespace":"a","namespace":"b","serviceAccount":"c"}`, `{}`, `{"defaultNamespace":"a","namespace":"b","serviceAccount":"c"}`},
		{"a dash is a name like any other", `{"namespace":"b"}`, `{"namespace":"-"}`, `{"namespace":"-"}`},
		{"an empty helm of the target appears", `{}`, `{"helm":{}}`, `{"helm":{}}`},
		{"the Bundle's helm stays if the target has none", `{"helm":{"chart":"a"}}`, `{}`, `{"helm":{"chart":"a"}}`},
		{"repo, chart, version and release name win", `{"helm":{"repo":"a","chart":"b","version":"c","releaseName":"d"}}`, `{"helm":{"repo":"w","chart":"x","version":"y","releaseName":"z"}}`, `{"helm":{"chart":"x","repo":"w","releaseName":"z","version":"y"}}`},
		{"a timeout above zero wins", `{"helm":{"timeoutSeconds":5}}`, `{"helm":{"timeoutSeconds":9}}`, `{"helm":{"timeoutSeconds":9}}`},
		{"a timeout of zero does not", `{"helm":{"timeoutSeconds":5}}`, `{"helm":{"timeoutSeconds":0}}`, `{"helm":{"timeoutSeconds":5}}`},
		{"a timeout below zero resets", `{"helm":{"timeoutSeconds":5}}`, `{"helm":{"timeoutSeconds":-1}}`, `{"helm":{}}`},
		{"values where there were none are taken", `{"helm":{}}`, `{"helm":{"values":{"a":1}}}`, `{"helm":{"values":{"a":1}}}`},
		{"empty values where there were none are taken too", `{"helm":{}}`, `{"helm":{"values":{}}}`, `{"helm":{"values":{}}}`},
		{"maps in values merge, and the target wins at the leaves", `{"helm":{"values":{"m":{"a":1,"b":2},"k":"v"}}}`, `{"helm":{"values":{"m":{"b":3,"c":4}}}}`, `{"helm":{"values":{"k":"v","m":{"a":1,"b":3,"c":4}}}}`},
		{"lists, scalars and null replace", `{"helm":{"values":{"l":[1,2],"m":{"a":1},"s":"x","n":1}}}`, `{"helm":{"values":{"l":[3],"m":"text","s":{"a":1},"n":null}}}`, `{"helm":{"values":{"l":[3],"m":"text","n":null,"s":{"a":1}}}}`},
		{"template values are overridden key by key", `{"helm":{"templateValues":{"a":"1","b":"2"}}}`, `{"helm":{"templateValues":{"b":"3","c":"4"}}}`, `{"helm":{"templateValues":{"a":"1","b":"3","c":"4"}}}`},
		{"valuesFrom are keyed by kind, namespace, name and key", `{"helm":{"valuesFrom":[{"secretKeyRef":{"name":"a"}},{"configMapKeyRef":{"name":"a"}}]}}`, `{"helm":{"valuesFrom":[{"secretKeyRef":{"name":"a"}},{"secretKeyRef":{"name":"a","key":"k"}}]}}`, `{"helm":{"valuesFrom":[{"secretKeyRef":{"name":"a"}},{"configMapKeyRef":{"name":"a"}},{"secretKeyRef":{"name":"a","key":"k"}}]}}`},
		{"helm flags are ORed", `{"helm":{"force":true,"atomic":true,"disableDNS":true}}`, `{"helm":{"takeOwnership":true,"disablePreProcess":true,"waitForJobs":true}}`, `{"helm":{"force":true,"takeOwnership":true,"waitForJobs":true,"atomic":true,"disablePreProcess":true,"disableDNS":true}}`},
		{"the target's own helm settings are not taken", `{"helm":{"maxHistory":3}}`, `{"helm":{"maxHistory":9,"skipSchemaValidation":true,"disableDependencyUpdate":true,"valuesFiles":["x"]}}`, `{"helm":{"maxHistory":3}}`},
		{"kustomize.dir wins", `{"kustomize":{"dir":"a"}}`, `{"kustomize":{"dir":"b"}}`, `{"kustomize":{"dir":"b"}}`},
		{"an empty kustomize.dir does not, but kustomize appears", `{}`, `{"kustomize":{}}`, `{"kustomize":{}}`},
		{"an empty kustomize.dir keeps the Bundle's", `{"kustomize":{"dir":"a"}}`, `{"kustomize":{}}`, `{"kustomize":{"dir":"a"}}`},
		{"diff patches are keyed by object", `{"diff":{"comparePatches":[{"kind":"A","name":"x","jsonPointers":["/1"]},{"kind":"B"}]}}`, `{"diff":{"comparePatches":[{"kind":"A","name":"x","jsonPointers":["/2"]},{"kind":"C"}]}}`, `{"diff":{"comparePatches":[{"kind":"A","name":"x","jsonPointers":["/2"]},{"kind":"B"},{"kind":"C"}]}}`},
		{"an empty diff appears", `{}`, `{"diff":{}}`, `{"diff":{}}`},
		{"of two patches with one key in the target the first counts", `{}`, `{"diff":{"comparePatches":[{"kind":"A","jsonPointers":["/1"]},{"kind":"A","jsonPointers":["/2"]}]}}`, `{"diff":{"comparePatches":[{"kind":"A","jsonPointers":["/1"]}]}}`},
		{"a patch of the target that names nothing replaces the Bundle's, and of two in the target the first counts", `{"diff":{"comparePatches":[{"jsonPointers":["/1"]}]}}`, `{"diff":{"comparePatches":[{"jsonPointers":["/2"]},{"jsonPointers":["/3"]}]}}`, `{"diff":{"comparePatches":[{"jsonPointers":["/2"]}]}}`},
		{"of two patches of the Bundle that name nothing the last is replaced", `{"diff":{"comparePatches":[{"jsonPointers":["/1"]},{"jsonPointers":["/2"]}]}}`, `{"diff":{"comparePatches":[{"jsonPointers":["/3"]}]}}`, `{"diff":{"comparePatches":[{"jsonPointers":["/1"]},{"jsonPointers":["/3"]}]}}`},
		{"a target without patches changes none", `{"diff":{"comparePatches":[{"jsonPointers":["/1"]},{"jsonPointers":["/2"]}]}}`, `{"diff":{}}`, `{"diff":{"comparePatches":[{"jsonPointers":["/1"]},{"jsonPointers":["/2"]}]}}`},
		{"patches that differ in the version, the namespace or the name are different ones", `{"diff":{"comparePatches":[{"apiVersion":"v1"},{"namespace":"v1"},{"name":"v1"},{"kind":"v1"}]}}`, `{"diff":{"comparePatches":[{"apiVersion":"v1","jsonPointers":["/1"]},{"apiVersion":"v","kind":"1"}]}}`, `{"diff":{"comparePatches":[{"apiVersion":"v1","jsonPointers":["/1"]},{"namespace":"v1"},{"name":"v1"},{"kind":"v1"},{"apiVersion":"v","kind":"1"}]}}`},
		{"downstream resources without kind and name are one", `{"downstreamResources":[{"kind":"","name":""}]}`, `{"downstreamResources":[{"kind":"","name":""},{"kind":"","name":""},{"kind":"Secret","name":""}]}`, `{"downstreamResources":[{},{"kind":"Secret"}]}`},
		{"valuesFrom that name no source are always appended", `{"helm":{"valuesFrom":[{}]}}`, `{"helm":{"valuesFrom":[{},{}]}}`, `{"helm":{"valuesFrom":[{},{},{}]}}`},
		{"valuesFrom with an empty name are one for each kind", `{"helm":{"valuesFrom":[{"secretKeyRef":{}},{"configMapKeyRef":{}}]}}`, `{"helm":{"valuesFrom":[{"secretKeyRef":{}},{"secretKeyRef":{"key":"k"}}]}}`, `{"helm":{"valuesFrom":[{"secretKeyRef":{"name":""}},{"configMapKeyRef":{"name":""}},{"secretKeyRef":{"name":"","key":"k"}}]}}`},
		{"overlays are appended", `{"yaml":{"overlays":["a"]}}`, `{"yaml":{"overlays":["b","a"]}}`, `{"yaml":{"overlays":["a","b","a"]}}`},
		{"an empty yaml appears", `{}`, `{"yaml":{}}`, `{"yaml":{}}`},
		{"forceSyncGeneration above zero wins", `{"forceSyncGeneration":5}`, `{"forceSyncGeneration":3}`, `{"forceSyncGeneration":3}`},
		{"forceSyncGeneration of zero does not", `{"forceSyncGeneration":5}`, `{}`, `{"forceSyncGeneration":5}`},
		{"keepResources is ORed", `{}`, `{"keepResources":true}`, `{"keepResources":true}`},
		{"correctDrift is replaced as a whole", `{"correctDrift":{"enabled":true,"force":true}}`, `{"correctDrift":{"enabled":true}}`, `{"correctDrift":{"enabled":true}}`},
		{"downstream resources are keyed by kind, in any case, and name", `{"downstreamResources":[{"kind":"Secret","name":"a"}]}`, `{"downstreamResources":[{"kind":"secret","name":"a"},{"kind":"ConfigMap","name":"a"}]}`, `{"downstreamResources":[{"kind":"secret","name":"a"},{"kind":"ConfigMap","name":"a"}]}`},
		{
			"options that a target cannot set come from the Bundle",
			`{"createNamespace":true,"ignore":{"conditions":[{"a":"b"}]},"namespaceLabels":{"a":"b"}}`,
			`{"deleteNamespace":true,"ignore":{},"deleteCRDResources":true,"createNamespace":false,"allowedTargetNamespaceSelector":{},"overwrites":[{"name":"x"}],"namespaceLabels":{"a":"c"},"namespaceAnnotations":{"a":"c"}}`,
			`{"createNamespace":true,"ignore":{"conditions":[{"a":"b"}]},"namespaceLabels":{"a":"b"}}`,
		},
		{"options that only the Bundle can set stay", `{"deleteNamespace":true,"deleteCRDResources":true,"overwrites":[{"name":"x"}],"allowedTargetNamespaceSelector":{}}`, `{}`, `{"deleteNamespace":true,"deleteCRDResources":true,"overwrites":[{"name":"x"}],"allowedTargetNamespaceSelector":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec(t, c.bundle)
			s.Targets = spec(t, `{"targets":[`+c.target+`]}`).Targets
			before := s.DeepCopy()
			content := derive.NewVersion(bundleOf(s), facts()).Content(plain, nil, unlabelled())
			require.JSONEq(t, c.want, shown(t, content.Options))
			require.Equal(t, *before, s, "the spec is not written to")
		})
	}
}

func TestCustomizations(t *testing.T) {
	t.Parallel()
	const targets = `"targets":[
		{"namespace":"one","yaml":{"overlays":["1"]}},
		{"defaultNamespace":"two","yaml":{"overlays":["2"]}},
		{"namespace":"plain","serviceAccount":"plain","yaml":{"overlays":["p"]}}]`
	for _, c := range []struct {
		name, mode string
		match      targeting.Match
		want       string
	}{
		{"without one the plain target counts", `"FirstMatch"`, targeting.Match{Target: 2}, `{"yaml":{"overlays":["b","p"]},"namespace":"plain","serviceAccount":"plain"}`},
		{"FirstMatch replaces the plain target's options", `"FirstMatch"`, targeting.Match{Target: 2, Customizations: []int{0}}, `{"yaml":{"overlays":["b","1"]},"namespace":"one"}`},
		{"no mode is FirstMatch", `""`, targeting.Match{Target: 2, Customizations: []int{1}}, `{"yaml":{"overlays":["b","2"]},"defaultNamespace":"two"}`},
		{"an unknown mode is FirstMatch", `"Other"`, targeting.Match{Target: 2, Customizations: []int{1}}, `{"yaml":{"overlays":["b","2"]},"defaultNamespace":"two"}`},
		{"AllMatches merges them onto the plain target's, in order", `"AllMatches"`, targeting.Match{Target: 2, Customizations: []int{0, 1}}, `{"yaml":{"overlays":["b","p","1","2"]},"defaultNamespace":"two","namespace":"one","serviceAccount":"plain"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := versionOf(t, `{"yaml":{"overlays":["b"]},"targetCustomizationMode":`+c.mode+`,`+targets+`}`)
			require.JSONEq(t, c.want, shown(t, v.Content(c.match, nil, unlabelled()).Options))
		})
	}
}
