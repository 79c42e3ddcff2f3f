// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// spec parses a Bundle's spec as the API does.
func spec(t testing.TB, text string) v1alpha1.BundleSpec {
	t.Helper()
	var s v1alpha1.BundleSpec
	require.NoError(t, json.Unmarshal([]byte(text), &s), text)
	if len(s.Targets) == 0 {
		s.Targets = []v1alpha1.BundleTarget{{}}
	}
	return s
}

func bundleOf(s v1alpha1.BundleSpec) *v1alpha1.Bundle {
	return &v1alpha1.Bundle{
		ObjectMeta: metav1.ObjectMeta{
			Name: "app", Namespace: "fleet-default", UID: "bundle-uid",
			CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		},
		Spec: s,
	}
}

func facts() derive.Facts {
	return derive.Facts{BundleUID: "bundle-uid", Generation: 1, ManifestID: "s-m", Seed: []byte("seed"), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func versionOf(t testing.TB, text string) *derive.Version {
	t.Helper()
	return derive.NewVersion(bundleOf(spec(t, text)), facts())
}

func versionWith(options v1alpha1.BundleDeploymentOptions) *derive.Version {
	return derive.NewVersion(bundleOf(v1alpha1.BundleSpec{BundleDeploymentOptions: options, Targets: []v1alpha1.BundleTarget{{}}}), facts())
}

func cluster(labels map[string]string) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{
			Name: "c1", Namespace: "fleet-default", UID: "cluster-uid", Labels: labels,
			Annotations: map[string]string{
				"note": "hello", "kubectl.kubernetes.io/last-applied-configuration": "{}",
				"fleet.cattle.io/x": "hidden", "management.cattle.io/y": "hidden",
			},
			CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)),
		},
		Spec: v1alpha1.ClusterSpec{TemplateValues: &v1alpha1.GenericMap{Data: map[string]any{
			"port": int64(8080), "domain": "example.com", "list": []any{"a", "b"},
		}}},
	}
}

func labelled() *v1alpha1.Cluster {
	return cluster(map[string]string{
		"env": "prod", "kubectl.kubernetes.io/hidden": "x", "some.cattle.io/hidden": "x",
		"fleet.cattle.io/shown": "f", "management.cattle.io/cluster-display-name": "m",
	})
}

func unlabelled() *v1alpha1.Cluster {
	return cluster(map[string]string{"some.cattle.io/hidden": "x"})
}

func shown(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

var plain = targeting.Match{}
