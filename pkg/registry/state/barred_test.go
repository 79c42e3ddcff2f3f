// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Stories of names that can have no BundleDeployment. Every step, here and in the random
// histories, also checks that all served objects have valid metadata.

func (s *story) cluster(name string) *v1alpha1.Cluster {
	return s.j.view.Get(record.Clusters, record.Name{Namespace: "fleet", Name: name}).Render().(*v1alpha1.Cluster)
}

func readyOf(conditions []v1alpha1.GenericCondition) v1alpha1.GenericCondition {
	for _, c := range conditions {
		if c.Type == "Ready" {
			return c
		}
	}
	return v1alpha1.GenericCondition{}
}

func TestABundleWhoseNameIsTooLongForALabelDeploysNothing(t *testing.T) {
	runStory(t, func(s *story) {
		long := strings.Repeat("x", 64)
		b := bundleOf(long, where("on", "yes"))
		s.write(on("c1"), b, app("v1", false))
		require.Equal(s.t, 1, s.j.view.Len(record.BundleDeployments))
		shown := s.j.view.Get(record.Bundles, nameOf(b)).Render().(*v1alpha1.Bundle)
		ready := readyOf(shown.Status.Conditions)
		require.Equal(s.t, "False", ready.Status)
		require.Contains(s.t, ready.Message, "metadata.name has 64 characters")
		require.Zero(s.t, shown.Status.Summary.DesiredReady)
		require.Empty(s.t, s.left(), "it is no version that fails")
		s.write(bundleOf(long[1:], where("on", "yes")))
		require.Equal(s.t, 2, s.j.view.Len(record.BundleDeployments), "63 characters are not too many")
	})
}

// TestAClusterWithoutAPossibleNamespaceHoldsUpNoRollOut covers Clusters with dots in their
// names, for which roll-outs once waited for ever.
func TestAClusterWithoutAPossibleNamespaceHoldsUpNoRollOut(t *testing.T) {
	for name, odd := range map[string]string{"dots": "edge-1.22", "too long": strings.Repeat("e", 64)} {
		t.Run(name, func(t *testing.T) {
			runStory(t, func(s *story) {
				s.write(on(odd), on("f-plain"), on("g-plain"), limited(app("v1", false)))
				s.rollOut()
				s.report("f-plain", true)
				s.report("g-plain", true)
				s.write(limited(app("v2", false)))
				s.rollOut()
				s.report("f-plain", true)
				s.rollOut()
				s.report("g-plain", true)
				require.Equal(s.t, onClusters{"f-plain": "v2 -", "g-plain": "v2 -"}, s.deployed())
				require.Contains(s.t, s.failure(), "Cluster fleet/"+odd+": metadata.name ")
				require.Equal(s.t, 2, s.j.view.Get(record.Bundles, theApp).Render().(*v1alpha1.Bundle).Status.Summary.DesiredReady)
				ready := readyOf(s.cluster(odd).Status.Conditions)
				require.Equal(s.t, "False", ready.Status)
				require.Contains(s.t, ready.Message, "nothing is deployed: create the Cluster again")
				require.Empty(s.t, s.cluster(odd).Status.Namespace)
				s.delete(on(odd))
				require.Empty(s.t, s.failure())
			})
		})
	}
}

func TestAClusterWithDotsWorksInANamespaceThatItWasGiven(t *testing.T) {
	runStory(t, func(s *story) {
		c := onWith("edge-1.22", "x")
		s.write(c, app("v1", true))
		require.Empty(s.t, s.deployed())
		s.place(c, "edge")
		s.shows("", onClusters{"edge-1.22": "v1 x"})
		require.Empty(s.t, readyOf(s.cluster("edge-1.22").Status.Conditions).Reason)
		s.place(c, "")
		require.Empty(s.t, s.deployed())
		managed := onWith("edge-1.22", "x")
		managed.Labels[v1alpha1.LabelClusterManagement] = "other"
		s.write(managed)
		require.Empty(s.t, s.failure(), "another system gives it a namespace")
		require.Empty(s.t, s.deployed())
		s.write(c)
		require.Contains(s.t, s.failure(), derive.BarredCluster("edge-1.22", names.ClusterNamespace("fleet", "edge-1.22")))
	})
}
