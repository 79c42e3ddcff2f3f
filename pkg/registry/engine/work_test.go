// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// changed counts the changes of the last revision, by resource.
func changed(v *view.View) map[string]int {
	out := map[string]int{}
	if r := v.Exactly(v.Revision); r != nil {
		for _, resource := range allResources {
			if n := len(r.Changes(resource, "", "")); n > 0 {
				out[resource] = n
			}
		}
	}
	return out
}

// TestEditsDoNoWorkForWhatTheyDoNotAffect is about the case of the original
// report: 3,001 Bundles and 3 Clusters.
func TestEditsDoNoWorkForWhatTheyDoNotAffect(t *testing.T) {
	t.Parallel()
	batch := fleet(t, 3000, 3, false)
	s, v := loadFleet(batch)
	require.Equal(t, 9000, v.Len(record.BundleDeployments))
	cluster := func(number int, labels map[string]string) *v1alpha1.Cluster {
		c := clusterOf(fmt.Sprintf("cluster-%05d", number), map[string]string{"env": "prod", "number": fmt.Sprint(number)})
		for key, value := range labels {
			c.Labels[key] = value
		}
		return c
	}
	paused := bundleOf("bundle-00007", where("env", "prod"))
	paused.Spec.Paused, paused.Generation = true, 2
	hidden := bundleOf("bundle-00008", where("env", "prod"))
	hidden.Labels = map[string]string{"objectset.rio.cattle.io/hash": "1"}
	group := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "all")}
	group.Spec.Selector = where("env", "prod").ClusterSelector
	// Each step follows the one before.
	for _, step := range []struct {
		name      string
		edit      record.APIObject
		evaluated int
		changed   map[string]int
	}{
		{"a label that one bundle selects", cluster(1, map[string]string{"extra": "yes"}), 1, map[string]int{record.Clusters: 1, record.BundleDeployments: 1}},
		{"a label that none selects", cluster(1, map[string]string{"extra": "yes", "other": "1"}), 0, map[string]int{record.Clusters: 1}},
		{"the label goes", cluster(1, nil), 1, map[string]int{record.Clusters: 1, record.BundleDeployments: 1}},
		{"a bundle is paused, and goes with its three pairs", paused, 3, map[string]int{record.Bundles: 1, record.BundleDeployments: 3}},
		{"a bundle gets a label that does not show", hidden, 3, map[string]int{record.Bundles: 1}},
		{"a group that no bundle asks for", group, 0, map[string]int{record.ClusterGroups: 1}},
		{"a mapping that selects nothing is looked up for every bundle of its namespace only", &v1alpha1.BundleNamespaceMapping{ObjectMeta: metaOf("elsewhere", "m")}, 0, map[string]int{record.Mappings: 1}},
		{"a policy elsewhere", &v1alpha1.Policy{ObjectMeta: metaOf("elsewhere", "p")}, 0, map[string]int{record.Policies: 1}},
	} {
		before := s.evaluated
		v := s.edit(t, step.edit)
		require.Equal(t, step.changed, changed(v), step.name)
		require.Equal(t, step.evaluated, s.evaluated-before, step.name)
	}
}

// TestTemplatesAreEvaluatedOnOneClusterOnly: an edit of labels evaluates what is
// templated, on that cluster.
func TestTemplatesAreEvaluatedOnOneClusterOnly(t *testing.T) {
	t.Parallel()
	s, _ := loadFleet(fleet(t, 100, 50, true))
	before := s.evaluated
	c := clusterOf("cluster-00007", map[string]string{"env": "prod", "number": "8"})
	require.Equal(t, map[string]int{record.Clusters: 1}, changed(s.edit(t, c)), "the templates say the same as before")
	require.Equal(t, 10, s.evaluated-before)
}
