// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package statetest makes small fleets for tests of the state and of the engine.
package statetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Bundle returns a Bundle of the namespace "fleet".
func Bundle(name string, targets ...v1alpha1.BundleTarget) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: Meta("fleet", name)}
	b.Spec.Targets = targets
	return b
}

// Cluster returns a Cluster of the namespace "fleet".
func Cluster(name string, labels map[string]string) *v1alpha1.Cluster {
	c := &v1alpha1.Cluster{ObjectMeta: Meta("fleet", name)}
	c.Labels = labels
	return c
}

// Meta returns the metadata of an object at its first generation.
func Meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, Generation: 1, UID: types.UID("uid-of-" + namespace + "-" + name),
		CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0).UTC()),
	}
}

// Where returns a target: the clusters with a label.
func Where(key, value string) v1alpha1.BundleTarget {
	return v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}}}
}

// ResourceOf returns the resource of an object.
func ResourceOf(object record.APIObject) string {
	switch object.(type) {
	case *v1alpha1.Bundle:
		return record.Bundles
	case *v1alpha1.Cluster:
		return record.Clusters
	case *v1alpha1.ClusterGroup:
		return record.ClusterGroups
	case *v1alpha1.BundleNamespaceMapping:
		return record.Mappings
	case *v1alpha1.Policy:
		return record.Policies
	case *v1alpha1.GitRepoRestriction:
		return record.Restrictions
	case *v1alpha1.GitRepo:
		return record.GitRepos
	}
	panic(fmt.Sprintf("%T", object))
}

// NameOf returns the name of an object.
func NameOf(object record.APIObject) record.Name {
	return record.Name{Namespace: object.GetNamespace(), Name: object.GetName()}
}

// RecordOf returns the object record of an object.
func RecordOf(object record.APIObject) *record.Object {
	out := &record.Object{Object: object}
	if b, ok := object.(*v1alpha1.Bundle); ok {
		out.Content, out.Seed, out.Time = "s-1", []byte(b.UID), time.Unix(1_700_000_000, 0).UTC()
	}
	return out
}

// Encoded returns the record of an object.
func Encoded(t testing.TB, object record.APIObject, revision int64) etcd.Record {
	data, err := RecordOf(object).Encode()
	require.NoError(t, err)
	return etcd.Record{Key: record.ObjectKey(ResourceOf(object), NameOf(object)), Value: data, Revision: revision}
}

// App returns a version of the bundle "app": templated, it needs the label env.
func App(version string, templated bool, targets ...v1alpha1.BundleTarget) *v1alpha1.Bundle {
	if targets == nil {
		targets = []v1alpha1.BundleTarget{Where("on", "yes")}
	}
	b := Bundle("app", targets...)
	b.Generation = int64(version[1] - '0')
	b.Spec.TargetNamespace = version
	if templated {
		b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"v": "${ .ClusterLabels.env }"}}}
	}
	return b
}

// On returns a Cluster that App targets.
func On(name string) *v1alpha1.Cluster { return Cluster(name, map[string]string{"on": "yes"}) }

// OnWith returns a Cluster that App targets, with the label env.
func OnWith(name, env string) *v1alpha1.Cluster {
	return Cluster(name, map[string]string{"on": "yes", "env": env})
}

// ValueOf returns the value v, "-" if there is none.
func ValueOf(helm *v1alpha1.HelmOptions) string {
	if helm != nil && helm.Values != nil {
		if value, ok := helm.Values.Data["v"].(string); ok {
			return value
		}
	}
	return "-"
}

// Resources are all resources that the state derives or stores.
var Resources = []string{
	record.Bundles, record.BundleDeployments, record.Clusters, record.ClusterGroups,
	record.Mappings, record.Restrictions, record.Policies, record.GitRepos, record.HelmOps,
}

// Shown returns the BundleDeployments of a view, with the version and the value of each.
func Shown(v *view.View) map[string]string {
	out := map[string]string{}
	for item := range v.All(record.BundleDeployments, record.Name{}) {
		bd := item.Render().(*v1alpha1.BundleDeployment)
		out[item.Name().String()] = bd.Spec.Options.TargetNamespace + " " + ValueOf(bd.Spec.Options.Helm)
	}
	return out
}

// JSON returns an object without its resourceVersion.
func JSON(t testing.TB, object record.APIObject) string {
	object = record.Copy(object)
	object.SetResourceVersion("")
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return string(text)
}

// ReportOn returns the record of what a BundleDeployment's status says.
func ReportOn(t testing.TB, bd *v1alpha1.BundleDeployment, revision int64) etcd.Record {
	t.Helper()
	data, err := (&record.Report{Status: &v1alpha1.BundleDeployment{Status: bd.Status}, UID: bd.UID}).Encode()
	require.NoError(t, err)
	return etcd.Record{Key: record.ReportKey(record.BundleDeployments, record.Name{Namespace: bd.Namespace, Name: bd.Name}), Value: data, Revision: revision}
}
