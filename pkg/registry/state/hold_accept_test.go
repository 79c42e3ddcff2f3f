// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Stories of one write that takes a cluster away from the version in force, and accepts the
// waiting version, which targets the cluster too. The BundleDeployment there continues: if it
// ended, the agent would uninstall.

func ofTier(env string) *v1alpha1.Cluster {
	c := on("c1")
	c.Labels["tier"] = "old"
	if env != "" {
		c.Labels["env"] = env
	}
	return c
}

// reported reports whether a report exists on the app on a cluster.
func (s *story) reported(cluster string) bool {
	_, ok := s.j.records[record.ReportKey(record.BundleDeployments, record.Name{Namespace: names.ClusterNamespace("fleet", cluster), Name: "app"})]
	return ok
}

func TestARelabelledClusterKeepsTheOldVersionWhileTheNewIsHeld(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(ofTier(""), onWith("c2", "x"), app("v1", false, where("tier", "old")))
		s.report("c1", true)
		s.write(limited(app("v2", true)))
		require.Equal(s.t, missing("c1"), s.failure())
		require.Equal(s.t, onClusters{"c1": "v1"}, s.promoted())
		s.write(onWith("c1", "x"))
		require.Empty(s.t, s.failure(), "the new version works")
		require.Equal(s.t, "v1", s.promoted()["c1"], "and is held back")
		require.True(s.t, s.reported("c1"))
	})
}

func TestAPromotionOutlivesItsVersion(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(ofTier(""), limited(app("v1", false, where("tier", "old"))))
		require.Equal(s.t, 1, s.step())
		s.report("c1", true)
		s.write(limited(app("v2", true)), onWith("c1", "x"))
		require.Empty(s.t, s.failure())
		require.Equal(s.t, onClusters{"c1": "v1"}, s.promoted())
		require.Equal(s.t, 1, s.holdRecords()[record.TypePromotion])
		require.True(s.t, s.reported("c1"))
	})
}

func TestAReportIsKeptWhenAnUnlimitedVersionReplacesAnother(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(ofTier(""), app("v1", false, where("tier", "old")))
		s.report("c1", true)
		s.write(app("v2", true), onWith("c1", "x"))
		s.shows("", onClusters{"c1": "v2 x"})
		require.True(s.t, s.reported("c1"))
		require.Empty(s.t, s.holdRecords())
	})
}

func TestAGroupEditThatAcceptsAVersionEndsNoDeployment(t *testing.T) {
	runStory(t, func(s *story) {
		inGroup := ofGroup("g")
		s.write(onWith("c1", "x"), on("c2"), groupOf("g", "env", "x"))
		s.write(app("v1", false, inGroup))
		s.report("c1", true)
		broken := inGroup
		broken.Helm = app("v2", true).Spec.Helm
		broken.Helm.Values.Data["v"] = "${ .ClusterLabels.none }"
		s.write(limited(app("v2", false, broken, where("on", "yes"))))
		require.NotEmpty(s.t, s.failure())
		require.Equal(s.t, onClusters{"c1": "v1"}, s.promoted())
		s.write(groupOf("g", "env", "y"))
		require.Empty(s.t, s.failure())
		require.Equal(s.t, "v1", s.promoted()["c1"])
		require.True(s.t, s.reported("c1"))
	})
}

func TestDeletingTheBlockingClusterLeavesNoRecordBehind(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), onWith("c2", "x"), limited(app("v1", false)))
		require.Equal(s.t, 2, s.step())
		s.report("c1", true)
		s.report("c2", true)
		s.write(limited(app("v2", true)))
		require.Equal(s.t, missing("c1"), s.failure())
		s.delete(on("c1"))
		require.Empty(s.t, s.failure())
		require.Equal(s.t, onClusters{"c2": "v1"}, s.promoted())
		require.False(s.t, s.reported("c1"))
		require.True(s.t, s.reported("c2"))
		require.Equal(s.t, 1, s.holdRecords()[record.TypePromotion])
	})
}

func TestAnUnneededPinDoesNotReplaceTheBase(t *testing.T) {
	runStory(t, func(s *story) {
		value := func(c *v1alpha1.Cluster, v string) *v1alpha1.Cluster {
			if v != "" {
				c.Spec.TemplateValues = &v1alpha1.GenericMap{Data: map[string]any{"v": v}}
			}
			return c
		}
		b := app("v1", true)
		b.Spec.Helm.Values.Data["v"] = "${ .ClusterValues.v }"
		s.write(value(on("c1"), "x"), b, limited(app("v2", false)))
		require.Equal(s.t, onClusters{"c1": "v1 x"}, s.deployed())
		key := record.ClusterPinsKey(record.Name{Namespace: "fleet", Name: "c1"})
		old := record.ClusterPin{BundleUID: b.UID, Generation: 1, Options: v1alpha1.BundleDeploymentOptions{TargetNamespace: "old"}}
		s.put(key, record.ClusterPins{Pins: []record.ClusterPin{old}}) // from an earlier time
		s.write(on("c1"))
		require.Equal(s.t, onClusters{"c1": "v1 x"}, s.deployed())
		require.Zero(s.t, s.pins())
	})
}
