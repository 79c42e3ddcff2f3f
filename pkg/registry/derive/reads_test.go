// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// TestReadsOfCommonTemplatesAreExact checks that nothing else is read. A read is written as
// the key of a label, as @ and the key of an annotation, or as = and the key of a template
// value, with a star for all of them.
func TestReadsOfCommonTemplatesAreExact(t *testing.T) {
	t.Parallel()
	const everything = "* @* =*"
	for _, tt := range []struct{ name, helm, want string }{
		{"no template", `{"values": {"v": "x"}}`, ""},
		{"nothing", `{}`, ""},
		{"a label", `{"values": {"v": "${ .ClusterLabels.env }"}}`, "env"},
		{"labels with odd keys", `{"values": {"v": "${ index .ClusterLabels \"a.b/c\" }-${ get .ClusterLabels \"d.e/f\" }"}}`, "a.b/c d.e/f"},
		{"a label or a default", `{"values": {"v": "${ if hasKey .ClusterLabels \"env\" }${ .ClusterLabels.env }${ else }none${ end }"}}`, "env"},
		{"a label that is compared", `{"values": {"v": "${ if eq .ClusterLabels.env \"prod\" }3${ else }1${ end }"}}`, "env"},
		{"an annotation", `{"values": {"v": "${ .ClusterAnnotations.note | quote }"}}`, "@note"},
		{"a value, by its first key", `{"values": {"v": "${ .ClusterValues.a.b }-${ .ClusterValues.a.c }"}}`, "=a"},
		{"a list among the values", `{"values": {"v": "${ range .ClusterValues.list }${ . }${ end }"}}`, "=list"},
		{"names, which do not change", `{"values": {"v": "${ .ClusterName }.${ .ClusterNamespace }"}}`, ""},
		{"randomness and the clock", `{"templateValues": {"v": "${ randAlphaNum 6 }${ now }"}}`, ""},
		{"a name that means nothing", `{"templateValues": {"v": "${ .Cluster.env }"}}`, ""},
		{"templateValues and values", `{"values": {"v": "${ .ClusterLabels.env }"}, "templateValues": {"t": "${ .ClusterLabels.tier }", "u": "plain"}}`, "env tier"},
		{"a label that a value stands for", `{"values": {"v": "global.fleet.clusterLabels.env", "list": [{"w": "global.fleet.clusterLabels.a.b/c"}, "global.fleet.clusterLabels.not"]}}`, "env a.b/c"},
		{"a label that a value stands for, beside templateValues", `{"values": {"v": "global.fleet.clusterLabels.env"}, "templateValues": {"t": "${ .ClusterLabels.tier }"}}`, "env tier"},
		{"a label in a text that is a template afterwards", `{"values": {"v": "global.fleet.clusterLabels.env", "w": "${ .ClusterName }"}}`, "env " + everything},
		{"templates that are not evaluated", `{"disablePreProcess": true, "values": {"v": "${ .ClusterLabels.env }", "w": "global.fleet.clusterLabels.tier"}, "templateValues": {"t": "${ .ClusterLabels.zone }"}}`, "tier"},
		{"all labels", `{"values": {"v": "${ toJson .ClusterLabels }"}}`, "*"},
		{"all labels, one by one", `{"values": {"v": "${ range $k, $v := .ClusterLabels }${ $k }${ end }"}}`, "*"},
		{"all annotations", `{"values": {"v": "${ len .ClusterAnnotations }"}}`, "@*"},
		{"all values", `{"templateValues": {"v": "${ .ClusterValues | toYaml }"}}`, ""}, // no such function
		{"all values, as JSON", `{"templateValues": {"v": "${ .ClusterValues | toJson }"}}`, "=*"},
		{"everything", `{"templateValues": {"v": "${ toJson . }"}}`, everything},
		{"everything, passed on", `{"templateValues": {"v": "${ define \"t\" }${ .ClusterName }${ end }${ template \"t\" . }"}}`, everything},
		{"a template that parses nowhere", `{"values": {"v": "${ if }"}}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := versionOf(t, `{"helm": `+tt.helm+`}`)
			v.Content(plain, nil, labelled())
			require.ElementsMatch(t, strings.Fields(tt.want), readsOf(v))
		})
	}
}

func readsOf(v *derive.Version) []string {
	out := []string{}
	for _, r := range v.Reads() {
		key := r.Key
		if r.Whole {
			key = "*"
		}
		out = append(out, map[derive.Part]string{derive.Labels: "", derive.Annotations: "@", derive.Values: "="}[r.Part]+key)
	}
	return out
}

// TestReadsCoverAllMatchesThatOccurred checks that each read is listed once, in the order
// of their first occurrence.
func TestReadsCoverAllMatchesThatOccurred(t *testing.T) {
	t.Parallel()
	v := versionOf(t, `{"helm": {"values": {"v": "${ .ClusterLabels.env }"}}, "targets": [
		{"helm": {"values": {"w": "${ .ClusterLabels.tier }"}}}, {"helm": {"values": {"v": "x"}}}]}`)
	require.Empty(t, v.Reads())
	v.Content(targeting.Match{Target: 1}, nil, labelled())
	require.Empty(t, v.Reads(), "the target replaces the template by a value")
	v.Content(targeting.Match{Target: 0}, nil, labelled())
	v.Content(targeting.Match{Target: 0, Customizations: []int{1}}, nil, labelled())
	require.Equal(t, []string{"env", "tier"}, readsOf(v))
}

// TestManyReadsAreWholeParts checks that a hostile template gives no long list.
func TestManyReadsAreWholeParts(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "${ .ClusterLabels.l%d }${ .ClusterAnnotations.a%d }", i, i)
	}
	v := versionOf(t, `{"helm": {"templateValues": {"v": "`+text.String()+`"}}}`)
	v.Content(plain, nil, labelled())
	reads := readsOf(v)
	require.Less(t, len(reads), 100)
	require.Contains(t, reads, "*")
	require.Contains(t, reads, "@*")
	require.NotContains(t, reads, "=*")
}

// TestEdited checks that a difference that no template can see is not listed.
func TestEdited(t *testing.T) {
	t.Parallel()
	was, is := labelled(), labelled()
	require.Empty(t, derive.Edited(was, is))
	is.Name, is.Spec.Paused, is.Status.Namespace = "other", true, "n"
	for _, hidden := range []string{"kubectl.kubernetes.io/hidden", "some.cattle.io/hidden"} {
		is.Labels[hidden], is.Annotations[hidden] = "y", "y"
	}
	is.Annotations["fleet.cattle.io/x"] = "y"
	require.Empty(t, derive.Edited(was, is))

	is.Labels["env"], is.Labels["fleet.cattle.io/new"] = "dev", ""
	delete(is.Labels, "management.cattle.io/cluster-display-name")
	is.Spec.TemplateValues = &v1alpha1.GenericMap{Data: map[string]any{"port": int64(8080), "list": []any{"a"}}}
	label, value := func(key string) derive.Read { return derive.Read{Part: derive.Labels, Key: key} }, func(key string) derive.Read { return derive.Read{Part: derive.Values, Key: key} }
	want := []derive.Read{
		label("env"), label("fleet.cattle.io/new"), label("management.cattle.io/cluster-display-name"),
		{Part: derive.Labels, Whole: true},
		value("domain"), value("list"),
		{Part: derive.Values, Whole: true},
	}
	require.ElementsMatch(t, want, derive.Edited(was, is))
	require.ElementsMatch(t, want, derive.Edited(is, was))
}

// unaffected reports whether no template of the version notices an edit.
func unaffected(v *derive.Version, was, is *v1alpha1.Cluster) bool {
	reads := v.Reads()
	return derive.HasTemplateLabels(was.Labels) == derive.HasTemplateLabels(is.Labels) &&
		!slices.ContainsFunc(derive.Edited(was, is), func(r derive.Read) bool { return slices.Contains(reads, r) })
}
