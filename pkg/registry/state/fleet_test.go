// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/statetest"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// The objects of tests have names that say what they are for.
var (
	bundleOf     = statetest.Bundle
	clusterOf    = statetest.Cluster
	metaOf       = statetest.Meta
	where        = statetest.Where
	resourceOf   = statetest.ResourceOf
	nameOf       = statetest.NameOf
	recordOf     = statetest.RecordOf
	encoded      = statetest.Encoded
	app          = statetest.App
	on           = statetest.On
	onWith       = statetest.OnWith
	valueOf      = statetest.ValueOf
	allResources = statetest.Resources
	shownIn      = statetest.Shown
	asJSON       = statetest.JSON
	onReport     = statetest.ReportOn
)

// selectedBy returns a target: the clusters that a selector selects.
func selectedBy(s *metav1.LabelSelector) v1alpha1.BundleTarget {
	return v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: s}}
}

// ofGroup returns a target: the clusters of a group.
func ofGroup(name string) v1alpha1.BundleTarget {
	return v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: name}}
}

func selecting(operator metav1.LabelSelectorOperator, key string, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
}

// groupOf returns a ClusterGroup of the namespace "fleet".
func groupOf(name, key, value string) *v1alpha1.ClusterGroup {
	g := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", name)}
	g.Spec.Selector = where(key, value).ClusterSelector
	return g
}

// fleet returns the log of a number of bundles that all target a number of clusters, and of
// one more bundle that targets the clusters with the label extra. If templated, every tenth
// bundle has templates.
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

func loadFleet(batch etcd.Batch) (*State, *view.View) {
	all := NewLoaded(batch.Revision)
	for _, r := range batch.Records {
		all.Add(r)
	}
	all.Decode()
	s := New(testLimits, nil, nil)
	s.begin(all)
	return s, s.builder.Load(batch.Revision)
}

// edit applies the write of one object, at the next revision.
func (s *State) edit(t testing.TB, object record.APIObject) *view.View {
	revision := s.revision + 1
	s.apply(etcd.Batch{Revision: revision, Records: []etcd.Record{encoded(t, object, revision)}})
	return s.builder.Next(revision)
}
