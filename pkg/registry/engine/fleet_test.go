// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
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

// bundleOf and clusterOf are objects of one namespace, for tests that name what
// they are about.
func bundleOf(name string, targets ...v1alpha1.BundleTarget) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metaOf("fleet", name)}
	b.Spec.Targets = targets
	return b
}

func clusterOf(name string, labels map[string]string) *v1alpha1.Cluster {
	c := &v1alpha1.Cluster{ObjectMeta: metaOf("fleet", name)}
	c.Labels = labels
	return c
}

func metaOf(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, Generation: 1, UID: types.UID("uid-of-" + namespace + "-" + name),
		CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0).UTC()),
	}
}

// where targets the clusters with a label.
func where(key, value string) v1alpha1.BundleTarget {
	return v1alpha1.BundleTarget{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}}
}

func resourceOf(object record.APIObject) string {
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

func nameOf(object record.APIObject) record.Name {
	return record.Name{Namespace: object.GetNamespace(), Name: object.GetName()}
}

// recordOf is the object record of an object.
func recordOf(object record.APIObject) *record.Object {
	out := &record.Object{Object: object}
	if b, ok := object.(*v1alpha1.Bundle); ok {
		out.Content, out.Seed, out.Time = "s-1", []byte(b.UID), time.Unix(1_700_000_000, 0).UTC()
	}
	return out
}

func encoded(t testing.TB, object record.APIObject, revision int64) etcd.Record {
	data, err := recordOf(object).Encode()
	require.NoError(t, err)
	return etcd.Record{Key: record.ObjectKey(resourceOf(object), nameOf(object)), Value: data, Revision: revision}
}

// fleet is the log of as many bundles on as many clusters, all on all, and one
// bundle more that targets the clusters with the label extra. In a fleet of many
// bundles the first tenth of them is templated.
func fleet(t testing.TB, bundles, clusters int, templated bool) etcd.Batch {
	batch := etcd.Batch{Revision: 1}
	add := func(object record.APIObject) { batch.Records = append(batch.Records, encoded(t, object, 1)) }
	for i := range clusters {
		add(clusterOf(fmt.Sprintf("cluster-%05d", i), map[string]string{"env": "prod", "number": fmt.Sprint(i)}))
	}
	for i := range bundles {
		b := bundleOf(fmt.Sprintf("bundle-%05d", i), where("env", "prod"))
		if templated && i%10 == 0 {
			b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"region": "${ .ClusterLabels.env }"}}}
		}
		add(b)
	}
	add(bundleOf("extra", where("extra", "yes")))
	return batch
}

func loadFleet(batch etcd.Batch) (*state, *view.View) {
	all := newLoaded(batch.Revision)
	for _, r := range batch.Records {
		all.add(r)
	}
	all.decode()
	s := newState(testLimits)
	s.begin(all)
	return s, s.builder.Load(batch.Revision)
}

// edit applies the write of one object, at the next revision.
func (s *state) edit(t testing.TB, object record.APIObject) *view.View {
	revision := s.revision + 1
	s.apply(etcd.Batch{Revision: revision, Records: []etcd.Record{encoded(t, object, revision)}})
	return s.builder.Next(revision)
}
