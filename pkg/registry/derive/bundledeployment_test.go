// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

// inputs returns the inputs for a Bundle with options, on a Cluster with labels.
func inputs(t testing.TB, options string) derive.Inputs {
	t.Helper()
	b, c := bundleOf(spec(t, options)), labelled()
	return derive.Inputs{
		Bundle: b, Cluster: c, ClusterNamespace: "cluster-ns", ManifestID: "s-m",
		Content: derive.NewVersion(b, facts()).Content(plain, nil, c), Version: 42,
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	in := inputs(t, `{}`)
	bd := derive.BundleDeployment(in)
	require.Equal(t, "BundleDeployment", bd.Kind)
	require.Equal(t, "fleet.cattle.io/v1alpha1", bd.APIVersion)
	require.Equal(t, "app", bd.Name)
	require.Equal(t, "cluster-ns", bd.Namespace)
	require.Equal(t, "42", bd.ResourceVersion)
	require.Equal(t, derive.IdentityUID("bundle-uid", "cluster-uid"), bd.UID)
	require.Empty(t, bd.Annotations)
	require.Empty(t, bd.Finalizers)
	require.Empty(t, bd.OwnerReferences)
	require.True(t, bd.CreationTimestamp.Equal(&in.Cluster.CreationTimestamp), "the Cluster is younger")

	in.Bundle.CreationTimestamp = metav1.NewTime(in.Cluster.CreationTimestamp.Add(time.Hour))
	in.ReportManagedFields = []metav1.ManagedFieldsEntry{{Manager: "agent", Subresource: "status"}}
	bd = derive.BundleDeployment(in)
	require.True(t, bd.CreationTimestamp.Equal(&in.Bundle.CreationTimestamp), "the Bundle is younger")
	require.Equal(t, in.ReportManagedFields, bd.ManagedFields)
}

func TestIdentityUID(t *testing.T) {
	t.Parallel()
	uid := derive.IdentityUID("a", "b")
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, uid)
	require.Equal(t, uid, derive.IdentityUID("a", "b"))
	require.NotEqual(t, uid, derive.IdentityUID("b", "a"))
	require.NotEqual(t, uid, derive.IdentityUID("a", "c"))
	require.EqualValues(t, "37f0c3a8-3e9f-538d-b39d-1bfb9768d8a1", uid, "it is stored in owner references: it can never change")
}

func TestLabels(t *testing.T) {
	t.Parallel()
	always := map[string]string{
		"fleet.cattle.io/bundle-name": "app", "fleet.cattle.io/bundle-namespace": "fleet-default", "fleet.cattle.io/managed": "true",
		"fleet.cattle.io/cluster": "c1", "fleet.cattle.io/cluster-namespace": "fleet-default",
	}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(always)
		maps.Copy(all, more)
		return all
	}
	content := map[string]string{"fleet.cattle.io/content-name": "s-m"}
	for _, c := range []struct {
		name, spec string
		labels     map[string]string
		want       map[string]string
	}{
		{"the labels that are always set", `{}`, nil, with(content)},
		{"the Bundle's own", `{}`, map[string]string{"team": "x"}, with(map[string]string{"team": "x", "fleet.cattle.io/content-name": "s-m"})},
		{"not those of tools", `{}`, map[string]string{"kubectl.kubernetes.io/x": "1", "objectset.rio.cattle.io/hash": "1", "management.cattle.io/x": "1"}, with(content)},
		{"but Fleet's", `{}`, map[string]string{"fleet.cattle.io/repo-name": "r", "fleet.cattle.io/commit": "c", "fleet.cattle.io/shard-ref": "s"}, with(map[string]string{"fleet.cattle.io/repo-name": "r", "fleet.cattle.io/commit": "c", "fleet.cattle.io/shard-ref": "s", "fleet.cattle.io/content-name": "s-m"})},
		{"computed labels win", `{}`, map[string]string{"fleet.cattle.io/bundle-name": "forged", "fleet.cattle.io/managed": "false", "fleet.cattle.io/content-name": "forged"}, with(content)},
		{"no content of an OCI artifact", `{"contentsId":"s-m"}`, nil, always},
		{"no content of a HelmOp", `{"helmOpOptions":{}}`, nil, always},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := inputs(t, c.spec)
			in.Bundle.Labels = c.labels
			before := maps.Clone(c.labels)
			require.Equal(t, c.want, derive.BundleDeployment(in).Labels)
			require.Equal(t, c.want, derive.BundleDeploymentLabels(in.Bundle, in.Cluster, "s-m"))
			require.Equal(t, before, c.labels)
		})
	}
}

func TestSpec(t *testing.T) {
	t.Parallel()
	const ids = `"stagedDeploymentID":"ID","deploymentID":"ID"`
	for _, c := range []struct {
		name, bundle string
		cluster      func(*v1alpha1.Cluster)
		want         string
	}{
		{"options are shown even if they are empty", `{}`, func(c *v1alpha1.Cluster) { c.Labels = nil }, `{"options":{},"stagedOptions":{},` + ids + `}`},
		{"what is staged is promoted, with values", `{"helm":{"values":{"a":1}}}`, nil, `{"options":{"helm":{"values":{"a":1}}},"stagedOptions":{"helm":{"values":{"a":1}}},` + ids + `}`},
		{"paused by the Bundle", `{"paused":true}`, nil, `{"paused":true,"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		{"paused by the Cluster", `{}`, func(c *v1alpha1.Cluster) { c.Spec.Paused = true }, `{"paused":true,"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		{"off schedule between windows", `{}`, func(c *v1alpha1.Cluster) { c.Status.Scheduled = true }, `{"offSchedule":true,"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		{"on schedule in a window", `{}`, func(c *v1alpha1.Cluster) { c.Status.Scheduled, c.Status.ActiveSchedule = true, true }, `{"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		{"dependsOn of the Bundle", `{"dependsOn":[{"name":"x","acceptedStates":["Ready"]}]}`, nil, `{"dependsOn":[{"name":"x","acceptedStates":["Ready"]}],"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		{"correctDrift of the merged options", `{"correctDrift":{"force":true},"targets":[{"correctDrift":{"enabled":true}}]}`, nil, `{"correctDrift":{"enabled":true},"options":{"helm":{},"correctDrift":{"enabled":true}},"stagedOptions":{"helm":{},"correctDrift":{"enabled":true}},` + ids + `}`},
		{"OCI contents", `{"contentsId":"s-oci"}`, nil, `{"ociContents":true,"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		{"the chart of a HelmOp", `{"helmOpOptions":{"helmOpSecretName":"s"}}`, nil, `{"helmChartOptions":{"helmOpSecretName":"s"},"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		{"a values hash does not show, because the values are inline", `{"valuesHash":"abc"}`, nil, `{"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
		// S 3.2
		{
			"namespace labels and annotations of every target, later ones winning", `{"namespaceLabels":{"a":"bundle","b":"bundle"},"targets":[{"namespaceLabels":{"b":"first","c":"first"}},{"namespaceLabels":{"c":"second"},"namespaceAnnotations":{"x":"y"}}]}`, nil,
			`{"options":{"helm":{},"namespaceLabels":{"a":"bundle","b":"first","c":"second"},"namespaceAnnotations":{"x":"y"}},"stagedOptions":{"helm":{},"namespaceLabels":{"a":"bundle","b":"first","c":"second"},"namespaceAnnotations":{"x":"y"}},` + ids + `}`,
		},
		{"empty namespace labels do not show", `{"namespaceLabels":{},"targets":[{"namespaceLabels":{}}]}`, nil, `{"options":{"helm":{}},"stagedOptions":{"helm":{}},` + ids + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, cl := bundleOf(spec(t, c.bundle)), labelled()
			if c.cluster != nil {
				c.cluster(cl)
			}
			content := derive.NewVersion(b, facts()).Content(plain, nil, cl)
			bd := derive.BundleDeployment(derive.Inputs{Bundle: b, Cluster: cl, ManifestID: "s-m", Content: content})
			require.Equal(t, content.DeploymentID, bd.Spec.DeploymentID)
			bd.Spec.DeploymentID, bd.Spec.StagedDeploymentID = "ID", "ID"
			require.JSONEq(t, c.want, shown(t, bd.Spec))
		})
	}
}

func TestNamespaceLabelsOfTargetsAreNotHashed(t *testing.T) {
	t.Parallel()
	one := derive.BundleDeployment(inputs(t, `{}`))
	two := derive.BundleDeployment(inputs(t, `{"targets":[{"namespaceLabels":{"a":"b"}}]}`))
	require.Equal(t, one.Spec.DeploymentID, two.Spec.DeploymentID)
	require.NotEqual(t, one.Generation, two.Generation)
	three := derive.BundleDeployment(inputs(t, `{"namespaceLabels":{"a":"b"}}`))
	require.NotEqual(t, one.Spec.DeploymentID, three.Spec.DeploymentID)
}

// The oracle of the generation is the spec's JSON: one changes if and only if the other
// does.
func TestGenerationChangesWithTheSpecAndOnlyThen(t *testing.T) {
	t.Parallel()
	generations := map[string]int64{}
	specs := map[int64]string{}
	see := func(in derive.Inputs) {
		bd := derive.BundleDeployment(in)
		text := shown(t, bd.Spec)
		require.Positive(t, bd.Generation)
		require.Less(t, bd.Generation, int64(1)<<52)
		if g, ok := generations[text]; ok {
			require.Equal(t, g, bd.Generation, text)
		}
		if s, ok := specs[bd.Generation]; ok {
			require.Equal(t, s, text)
		}
		generations[text], specs[bd.Generation] = bd.Generation, text
	}
	members := []string{
		`"paused":true`, `"namespace":"x"`, `"diff":{"comparePatches":[{"kind":"x"}]}`, `"correctDrift":{"enabled":true}`, `"dependsOn":[{"name":"x"}]`,
		`"helmOpOptions":{}`, `"contentsId":"x"`, `"namespaceLabels":{"a":"b"}`, `"namespaceAnnotations":{"a":"b"}`, `"targets":[{"namespaceLabels":{"a":"b"}}]`,
		`"helm":{"values":{"a":"${ .ClusterName }"}}`, `"valuesHash":"not shown"`, `"rolloutStrategy":{"maxNew":1}`,
	}
	for i := range 1 << len(members) {
		if i%7 != 0 && i > 64 {
			continue // that many are enough
		}
		options := ""
		for j, m := range members {
			if i&(1<<j) != 0 {
				options += "," + m
			}
		}
		if options != "" {
			options = options[1:]
		}
		in := inputs(t, `{`+options+`}`)
		see(in)
		in.Version, in.Report = 99, &v1alpha1.BundleDeploymentStatus{Ready: true}
		in.Bundle.Labels = map[string]string{"x": "y"}
		see(in)
	}
	require.Greater(t, len(specs), 500)
	in := inputs(t, `{}`)
	in.Cluster.Spec.Paused = true
	see(in)
	in.Cluster.Status.Scheduled = true
	see(in)
}

func TestRenderingWritesToNothing(t *testing.T) {
	t.Parallel()
	in := inputs(t, `{"namespaceLabels":{"a":"b"},"helm":{"values":{"a":{"b":1}}},"targets":[{"namespaceLabels":{"c":"d"}}]}`)
	in.Report = &v1alpha1.BundleDeploymentStatus{
		AppliedDeploymentID: "x", Conditions: []v1alpha1.GenericCondition{{Type: "Deployed", Status: "True"}},
		Display: v1alpha1.BundleDeploymentDisplay{State: "what an agent says"},
	}
	bundle, cluster, report, options := in.Bundle.DeepCopy(), in.Cluster.DeepCopy(), in.Report.DeepCopy(), in.Content.Options.DeepCopy()
	first := shown(t, derive.BundleDeployment(in))
	require.Equal(t, first, shown(t, derive.BundleDeployment(in)))
	require.Equal(t, bundle, in.Bundle)
	require.Equal(t, cluster, in.Cluster)
	require.Equal(t, report, in.Report)
	require.Equal(t, *options, in.Content.Options)
}

// The cases cover every line of S 7.1.
func TestStatus(t *testing.T) {
	t.Parallel()
	in := inputs(t, `{}`)
	id := in.Content.DeploymentID
	condition := func(kind, status, reason, message string) v1alpha1.GenericCondition {
		return v1alpha1.GenericCondition{Type: kind, Status: status, Reason: reason, Message: message}
	}
	for _, c := range []struct {
		name   string
		report *v1alpha1.BundleDeploymentStatus
		want   v1alpha1.BundleDeploymentDisplay
	}{
		{"without a report it waits", nil, v1alpha1.BundleDeploymentDisplay{State: "WaitApplied"}},
		{"another ID is not applied yet", &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: "old", Ready: true, NonModified: true}, v1alpha1.BundleDeploymentDisplay{State: "WaitApplied"}},
		{"another ID with Deployed True waits too", &v1alpha1.BundleDeploymentStatus{Conditions: []v1alpha1.GenericCondition{condition("Deployed", "True", "", "")}}, v1alpha1.BundleDeploymentDisplay{State: "WaitApplied", Deployed: "True"}},
		{"another ID with Deployed False is an error", &v1alpha1.BundleDeploymentStatus{Conditions: []v1alpha1.GenericCondition{condition("Deployed", "False", "Error", "no such chart")}}, v1alpha1.BundleDeploymentDisplay{State: "ErrApplied", Deployed: "Error: no such chart"}},
		{"another ID with Deployed Unknown waits", &v1alpha1.BundleDeploymentStatus{Conditions: []v1alpha1.GenericCondition{condition("Deployed", "Unknown", "", "")}}, v1alpha1.BundleDeploymentDisplay{State: "WaitApplied", Deployed: "Unknown"}},
		{"the ID and not ready", &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: id, NonModified: true}, v1alpha1.BundleDeploymentDisplay{State: "NotReady"}},
		{"the ID, ready and modified", &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: id, Ready: true}, v1alpha1.BundleDeploymentDisplay{State: "Modified"}},
		{"the ID, ready and as wanted", &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: id, Ready: true, NonModified: true, Conditions: []v1alpha1.GenericCondition{
			condition("Monitored", "True", "", "ignored"), condition("Deployed", "True", "", ""), condition("Ready", "False", "Error", "not shown"),
		}}, v1alpha1.BundleDeploymentDisplay{State: "Ready", Deployed: "True", Monitored: "True"}},
		{"an error of Monitored shows", &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: id, Ready: true, NonModified: true, Conditions: []v1alpha1.GenericCondition{condition("Monitored", "False", "Error", "m")}}, v1alpha1.BundleDeploymentDisplay{State: "Ready", Monitored: "Error: m"}},
		{"a display in the report is replaced", &v1alpha1.BundleDeploymentStatus{Display: v1alpha1.BundleDeploymentDisplay{State: "x", Deployed: "y", Monitored: "z"}}, v1alpha1.BundleDeploymentDisplay{State: "WaitApplied"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := in
			in.Report = c.report
			bd := derive.BundleDeployment(in)
			require.Equal(t, c.want, bd.Status.Display)
			want := v1alpha1.BundleDeploymentStatus{}
			if c.report != nil {
				want = *c.report
			}
			want.Display = c.want
			require.Equal(t, want, bd.Status, "the rest of the report is as it was")
		})
	}
	t.Run("empty status is written out", func(t *testing.T) {
		t.Parallel()
		require.JSONEq(t, `{"display":{"state":"WaitApplied"},"resourceCounts":{"ready":0,"desiredReady":0,"waitApplied":0,"modified":0,"orphaned":0,"missing":0,"unknown":0,"notReady":0}}`, shown(t, derive.BundleDeployment(in).Status))
	})
}

func BenchmarkContent(b *testing.B) {
	for name, options := range map[string]string{
		"plain":     `{"helm":{"chart":"c","values":{"a":1,"b":{"c":"d"}}}}`,
		"labels":    `{"helm":{"chart":"c","values":{"a":1,"b":{"c":"global.fleet.clusterLabels.env"}}}}`,
		"templated": `{"helm":{"chart":"c","values":{"a":1,"b":{"c":"${ .ClusterLabels.env }"}}}}`,
	} {
		b.Run(name, func(b *testing.B) {
			v, c := versionOf(b, options), labelled()
			b.ReportAllocs()
			for b.Loop() {
				v.Content(plain, nil, c)
			}
		})
	}
	b.Run("first", func(b *testing.B) {
		bundle, c := bundleOf(spec(b, `{"helm":{"chart":"c","values":{"a":1,"b":{"c":"d"}}}}`)), labelled()
		b.ReportAllocs()
		for b.Loop() {
			derive.NewVersion(bundle, facts()).Content(plain, nil, c)
		}
	})
}

func BenchmarkBundleDeployment(b *testing.B) {
	in := inputs(b, `{"helm":{"chart":"c","values":{"a":1,"b":{"c":"d"}}},"dependsOn":[{"name":"x"}]}`)
	in.Bundle.Labels = map[string]string{"fleet.cattle.io/repo-name": "r", "team": "x"}
	in.Report = &v1alpha1.BundleDeploymentStatus{Ready: true, Conditions: []v1alpha1.GenericCondition{{Type: "Deployed", Status: "True"}}}
	b.ReportAllocs()
	for b.Loop() {
		derive.BundleDeployment(in)
	}
}
