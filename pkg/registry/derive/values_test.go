// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// The cases cover every step of S 3.3. The options are those of the Bundle; want are the
// options on a Cluster with labels, or on one without where the case says so.
func TestValuesOnACluster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, options string
		on            *v1alpha1.Cluster
		want          string
	}{
		// Step 1: labels and annotations.
		{"labels of tools are hidden, those of Fleet and Rancher are not", `{"helm":{"values":{"v":"${ keys .ClusterLabels | join \",\" }"}}}`, labelled(), `{"helm":{"values":{"v":"env,fleet.cattle.io/shown,management.cattle.io/cluster-display-name"}}}`},
		{"annotations of tools are hidden, Fleet's too", `{"helm":{"values":{"v":"${ keys .ClusterAnnotations | join \",\" }"}}}`, labelled(), `{"helm":{"values":{"v":"note"}}}`},
		// Step 2: no labels.
		{"without labels no helm stays no helm", `{}`, unlabelled(), `{}`},
		{"without labels templates stay as they are", `{"helm":{"values":{"v":"${ .Nope }"},"templateValues":{"k":"${ ("}}}`, unlabelled(), `{"helm":{"values":{"v":"${ .Nope }"},"templateValues":{"k":"${ ("}}}`},
		{"without labels a label's name stays as it is", `{"helm":{"values":{"v":"global.fleet.clusterLabels.env"}}}`, unlabelled(), `{"helm":{"values":{"v":"global.fleet.clusterLabels.env"}}}`},
		// Step 3: helm.
		{"no helm becomes an empty one", `{}`, labelled(), `{"helm":{}}`},
		// Step 4: values.
		{"no values become empty ones", `{"helm":{}}`, labelled(), `{"helm":{"values":{}}}`},
		{"the rest of helm stays", `{"helm":{"chart":"c"}}`, labelled(), `{"helm":{"chart":"c","values":{}}}`},
		{"empty values stay empty", `{"helm":{"values":{}}}`, labelled(), `{"helm":{"values":{}}}`},
		// Step 5: substitution of labels.
		{"a label's name becomes its value", `{"helm":{"values":{"v":"global.fleet.clusterLabels.env"}}}`, labelled(), `{"helm":{"values":{"v":"prod"}}}`},
		{"a label with dots and slashes works", `{"helm":{"values":{"v":"global.fleet.clusterLabels.fleet.cattle.io/shown"}}}`, labelled(), `{"helm":{"values":{"v":"f"}}}`},
		{"a missing label becomes empty", `{"helm":{"values":{"v":"global.fleet.clusterLabels.nope"}}}`, labelled(), `{"helm":{"values":{"v":""}}}`},
		{"a hidden label is missing", `{"helm":{"values":{"v":"global.fleet.clusterLabels.some.cattle.io/hidden"}}}`, labelled(), `{"helm":{"values":{"v":""}}}`},
		{"the prefix must be at the beginning", `{"helm":{"values":{"v":"x global.fleet.clusterLabels.env"}}}`, labelled(), `{"helm":{"values":{"v":"x global.fleet.clusterLabels.env"}}}`},
		{"keys are not substituted", `{"helm":{"values":{"global.fleet.clusterLabels.env":1}}}`, labelled(), `{"helm":{"values":{"global.fleet.clusterLabels.env":1}}}`},
		{"maps are searched", `{"helm":{"values":{"a":{"b":"global.fleet.clusterLabels.env"}}}}`, labelled(), `{"helm":{"values":{"a":{"b":"prod"}}}}`},
		{"maps in lists are searched", `{"helm":{"values":{"a":[{"b":"global.fleet.clusterLabels.env"}]}}}`, labelled(), `{"helm":{"values":{"a":[{"b":"prod"}]}}}`},
		{"texts in lists are not", `{"helm":{"values":{"a":["global.fleet.clusterLabels.env"]}}}`, labelled(), `{"helm":{"values":{"a":["global.fleet.clusterLabels.env"]}}}`},
		{"lists in lists are not", `{"helm":{"values":{"a":[[{"b":"global.fleet.clusterLabels.env"}]]}}}`, labelled(), `{"helm":{"values":{"a":[[{"b":"global.fleet.clusterLabels.env"}]]}}}`},
		{"a substituted value stays a string", `{"helm":{"values":{"v":"global.fleet.clusterLabels.n"}}}`, cluster(map[string]string{"n": "5"}), `{"helm":{"values":{"v":"5"}}}`},
		{"so does one that YAML would take for a boolean", `{"helm":{"values":{"v":"global.fleet.clusterLabels.n"}}}`, cluster(map[string]string{"n": "yes"}), `{"helm":{"values":{"v":"yes"}}}`},
		{"labels are substituted without pre-processing too", `{"helm":{"disablePreProcess":true,"values":{"v":"global.fleet.clusterLabels.env","w":"${ raw }"}}}`, labelled(), `{"helm":{"disablePreProcess":true,"values":{"v":"prod","w":"${ raw }"}}}`},
		{"labels and templates go together", `{"helm":{"values":{"v":"global.fleet.clusterLabels.env","w":"${ .ClusterName }"}}}`, labelled(), `{"helm":{"values":{"v":"prod","w":"c1"}}}`},
		// Step 6a: values as a template.
		{"values are a template", `{"helm":{"values":{"v":"${ .ClusterLabels.env }"}}}`, labelled(), `{"helm":{"values":{"v":"prod"}}}`},
		{"so are keys", `{"helm":{"values":{"a-${ .ClusterName }":"x"}}}`, labelled(), `{"helm":{"values":{"a-c1":"x"}}}`},
		{"texts in lists are too", `{"helm":{"values":{"a":["${ .ClusterName }",["${ .ClusterName }"]]}}}`, labelled(), `{"helm":{"values":{"a":["c1",["c1"]]}}}`},
		{"a number in a plain scalar becomes a number", `{"helm":{"values":{"v":"${ .ClusterValues.port }"}}}`, labelled(), `{"helm":{"values":{"v":8080}}}`},
		{"with quote it stays a string", `{"helm":{"values":{"v":"${ .ClusterValues.port | toString | quote }"}}}`, labelled(), `{"helm":{"values":{"v":"8080"}}}`},
		{"a boolean becomes one", `{"helm":{"values":{"v":"${ eq 1 1 }"}}}`, labelled(), `{"helm":{"values":{"v":true}}}`},
		{"Helm's own delimiters are untouched", `{"helm":{"values":{"v":"{{ .Values.x }} ${ .ClusterName }"}}}`, labelled(), `{"helm":{"values":{"v":"{{ .Values.x }} c1"}}}`},
		{"sprig's functions exist", `{"helm":{"values":{"v":"${ upper .ClusterLabels.env }-${ default \"d\" (get .ClusterLabels \"nope\") }"}}}`, labelled(), `{"helm":{"values":{"v":"PROD-d"}}}`},
		{"with disablePreProcess nothing is a template", `{"helm":{"disablePreProcess":true,"values":{"v":"${ .ClusterName }"},"templateValues":{"k":"${ .ClusterName }"}}}`, labelled(), `{"helm":{"disablePreProcess":true,"values":{"v":"${ .ClusterName }"},"templateValues":{"k":"${ .ClusterName }"}}}`},
		{"numbers stay numbers", `{"helm":{"values":{"i":3,"f":1.5,"big":1000000,"huge":1e21,"s":"5","b":true,"n":null,"t":"true","d":"2026-01-01"}}}`, labelled(), `{"helm":{"values":{"i":3,"f":1.5,"big":1000000,"huge":1e21,"s":"5","b":true,"n":null,"t":"true","d":"2026-01-01"}}}`},
		// Step 6b: templateValues.
		{"templateValues set keys", `{"helm":{"templateValues":{"k":"${ .ClusterName }"}}}`, labelled(), `{"helm":{"templateValues":{"k":"${ .ClusterName }"},"values":{"k":"c1"}}}`},
		{"they win over values", `{"helm":{"values":{"k":"x","o":1},"templateValues":{"k":"{a: ${ .ClusterValues.port }}"}}}`, labelled(), `{"helm":{"templateValues":{"k":"{a: ${ .ClusterValues.port }}"},"values":{"k":{"a":8080},"o":1}}}`},
		{"they may be of any type", `{"helm":{"templateValues":{"l":"[1, ${ .ClusterName }]","n":"null","e":"","b":"yes","s":"'5'"}}}`, labelled(), `{"helm":{"templateValues":{"l":"[1, ${ .ClusterName }]","n":"null","e":"","b":"yes","s":"'5'"},"values":{"l":[1,"c1"],"n":null,"e":null,"b":true,"s":"5"}}}`},
		{"a list can be made by a loop", `{"helm":{"templateValues":{"l":"${ range .ClusterValues.list }\n- ${ . }${ end }"}}}`, labelled(), `{"helm":{"templateValues":{"l":"${ range .ClusterValues.list }\n- ${ . }${ end }"},"values":{"l":["a","b"]}}}`},
		// Step 7: the context.
		{"the Cluster's name and namespace", `{"helm":{"values":{"v":"${ .ClusterNamespace }/${ .ClusterName }"}}}`, labelled(), `{"helm":{"values":{"v":"fleet-default/c1"}}}`},
		{"its labels, by index and as a map", `{"helm":{"values":{"v":"${ index .ClusterLabels \"fleet.cattle.io/shown\" }${ hasKey .ClusterLabels \"env\" }"}}}`, labelled(), `{"helm":{"values":{"v":"ftrue"}}}`},
		{"its annotations", `{"helm":{"values":{"v":"${ .ClusterAnnotations.note }"}}}`, labelled(), `{"helm":{"values":{"v":"hello"}}}`},
		{"its template values", `{"helm":{"values":{"v":"${ .ClusterValues.domain }"}}}`, labelled(), `{"helm":{"values":{"v":"example.com"}}}`},
		{"no template values are an empty map", `{"helm":{"values":{"v":"${ len .ClusterValues }"}}}`, &v1alpha1.Cluster{ObjectMeta: labelled().ObjectMeta}, `{"helm":{"values":{"v":0}}}`},
		// These are not templated.
		{"only values are", `{"namespace":"${ .ClusterName }","helm":{"releaseName":"${ .ClusterName }"}}`, labelled(), `{"namespace":"${ .ClusterName }","helm":{"releaseName":"${ .ClusterName }","values":{}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec(t, c.options)
			b := bundleOf(s)
			beforeBundle, beforeCluster := b.DeepCopy(), c.on.DeepCopy()
			v := versionOf(t, c.options)
			content := v.Content(plain, nil, c.on)
			require.Empty(t, content.Failure)
			require.JSONEq(t, c.want, shown(t, content.Options))
			require.Equal(t, content.DeploymentID, versionOf(t, c.options).Content(plain, nil, c.on).DeploymentID)
			require.Equal(t, beforeBundle, b)
			require.Equal(t, beforeCluster, c.on, "the Cluster is not written to")
		})
	}
}

func TestValuesThatFail(t *testing.T) {
	t.Parallel()
	nested := func(n int, inner string) string {
		return `{"helm":{"values":` + strings.Repeat(`{"a":`, n) + inner + strings.Repeat(`}`, n) + `}}`
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\\n"
	for i := 'b'; i <= 'i'; i++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", i-1), 10), ","))
	}
	const prefix = "cluster c1 in namespace fleet-default: "
	for _, c := range []struct{ name, options, want string }{
		{"a template that does not parse", `{"helm":{"values":{"v":"${ if }"}}}`, "failed to parse helm values template: template: values:1: missing value for if"},
		{"a template value that does not parse", `{"helm":{"templateValues":{"k":"${ nope }"}}}`, `failed to parse helm values template: template: k:1: function "nope" not defined`},
		{"a label that does not exist", `{"helm":{"values":{"v":"${ .ClusterLabels.nope }"}}}`, `failed to render helm values template: template: values:1:20: executing "values" at <.ClusterLabels.nope>: map has no entry for key "nope"`},
		{"a field that does not exist", `{"helm":{"values":{"v":"${ .Nope }"}}}`, `map has no entry for key "Nope"`},
		{"a template value that does not render", `{"helm":{"templateValues":{"k":"${ fail \"no\" }"}}}`, "failed to render helm values template: "},
		{"text that is not YAML", `{"helm":{"values":{"v":"${ b64dec \"YTogYjogYw==\" }"}}}`, "failed to interpret rendered template as helm values: "},
		{"a plain template value that is not YAML", `{"helm":{"templateValues":{"k":"a: b: c"}}}`, "failed to interpret rendered template as helm values: "},
		{"a template value that is not YAML", `{"helm":{"templateValues":{"k":"a: b: ${ .ClusterName }"}}}`, "failed to interpret rendered template as helm values: "},
		{"a secret key", `{"helm":{"values":{"v":"${ genPrivateKey \"rsa\" }"}}}`, "put the value in a Secret and use valuesFrom"},
		{"values of 52 levels", nested(52, `1`), "maximum recursion depth of 50 exceeded"},
		{"the same without pre-processing", `{"helm":{"disablePreProcess":true,` + nested(52, `1`)[len(`{"helm":{`):], "maximum recursion depth of 50 exceeded"},
		{"an explosion of aliases", `{"helm":{"templateValues":{"k":"` + bomb + `"}}}`, "failed to interpret rendered template as helm values: "},
		{"aliases of a long text", `{"helm":{"templateValues":{"k":"${ print \"a: &a \" (repeat 200000 \"x\") \"\\nb: [\" (repeat 23 \"*a,\") \"]\" }"}}}`, "values are larger than 4194304 bytes when their aliases are written out"},
		{"YAML that nests too deep", `{"helm":{"templateValues":{"k":"${ repeat 200 \"[\" }${ repeat 200 \"]\" }"}}}`, "values are nested more than 100 levels deep"},
		{"YAML that nests far too deep", `{"helm":{"templateValues":{"k":"${ repeat 30000 \"[\" }"}}}`, "failed to interpret rendered template as helm values: "},
		{"keys that are one in JSON", `{"helm":{"templateValues":{"k":"1: a\n'1': b"}}}`, `two keys of one map are both written "1" in JSON`},
		{"a null key", `{"helm":{"templateValues":{"k":"null: a"}}}`, "a map key is not a string, number or bool"},
		{"infinity", `{"helm":{"templateValues":{"k":".inf"}}}`, "+Inf is not a JSON number"},
		{"a loop", `{"helm":{"values":{"v":"${ range 1000000000 }${ end }"}}}`, "failed to render helm values template: at helm.values, the templates and values of a Bundle exceed the work that they may take on one Cluster: render less text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			content := versionOf(t, c.options).Content(plain, nil, labelled())
			require.Contains(t, content.Failure, c.want)
			require.True(t, strings.HasPrefix(content.Failure, prefix), content.Failure)
			require.Less(t, len(content.Failure), 2000)
			require.Empty(t, content.DeploymentID)
			again := versionOf(t, c.options).Content(plain, nil, labelled())
			require.True(t, content.Equal(again), "it fails in the same way each time:\n%s\n%s", content.Failure, again.Failure)
			require.Empty(t, versionOf(t, c.options).Content(plain, nil, unlabelled()).Failure, "without labels nothing is evaluated")
		})
	}
	require.Empty(t, versionOf(t, nested(51, `1`)).Content(plain, nil, labelled()).Failure, "51 levels are fine")
}

func TestAFailureNamesItsOwnCluster(t *testing.T) {
	t.Parallel()
	v := versionOf(t, `{"helm":{"values":{"v":"${ if }"}}}`)
	other := labelled()
	other.Name, other.Namespace = "c2", "elsewhere"
	require.Contains(t, v.Content(plain, nil, labelled()).Failure, "cluster c1 in namespace fleet-default: ")
	require.Contains(t, v.Content(plain, nil, other).Failure, "cluster c2 in namespace elsewhere: ")
}

func TestMergedValuesAreParsedPerMatch(t *testing.T) {
	t.Parallel()
	v := versionOf(t, `{"helm":{"values":{"v":"plain"}},"targets":[{},{"helm":{"values":{"v":"${ .ClusterName }"}}},{"helm":{"values":{"v":"${ if }"}}}]}`)
	require.False(t, v.PerCluster(plain))
	require.True(t, v.PerCluster(match(1)))
	require.JSONEq(t, `{"v":"plain"}`, shown(t, v.Content(plain, nil, labelled()).Options.Helm.Values))
	require.JSONEq(t, `{"v":"c1"}`, shown(t, v.Content(match(1), nil, labelled()).Options.Helm.Values))
	require.NotEmpty(t, v.Content(match(2), nil, labelled()).Failure)
}
