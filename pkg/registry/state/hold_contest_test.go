// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Stories of two Bundles that claim one BundleDeployment name. Both share one record of each
// type.

// holder returns the namespace of the Bundle that has the name, and its promoted version with
// the value.
func (s *story) holder() string {
	item := s.j.view.Get(record.BundleDeployments, appOnC1)
	if item == nil {
		return ""
	}
	bd := item.Render().(*v1alpha1.BundleDeployment)
	return bd.Labels[v1alpha1.LabelBundleNamespace] + " " + bd.Spec.Options.TargetNamespace + " " + valueOf(bd.Spec.Options.Helm)
}

// contested makes a contested name: the Bundle of "fleet" had it, and recorded a promotion
// for it, until the Bundle of "other" came.
func (s *story) contested() {
	c := onWith("c1", "x")
	c.Labels["tier"] = "old"
	s.write(c, mappingOfOther(), limited(app("v1", false, where("tier", "old"))))
	require.Equal(s.t, 1, s.step())
	require.Equal(s.t, "fleet v1 -", s.holder())
	s.write(ofOther(app("v2", true)))
	// Where nothing is recorded, as by an earlier version of this program, the older one has
	// it.
	s.commit(&etcd.Txn{Delete: []record.Key{record.HolderKey(appOnC1)}})
	require.Equal(s.t, "other v2 x", s.holder())
}

func TestThePromotionOfANewHolderReplacesTheOldInOneWrite(t *testing.T) {
	runStory(t, func(s *story) {
		s.contested()
		s.write(pausedCluster(onWith("c1", "y")))
		require.Equal(s.t, "other v2 x", s.holder(), "the Cluster is paused")
		require.Equal(s.t, map[record.Type]int{record.TypePromotion: 1, record.TypeRollout: 1}, s.holdRecords())
	})
}

func TestEndingALosingClaimDoesNotDeleteAConcurrentReport(t *testing.T) {
	runStory(t, func(s *story) {
		s.contested()
		end := s.j.write(s.t, proposed(onWith("c1", "x"), false))
		s.report("c1", false)
		s.commit(end)
		require.Contains(s.t, s.j.records, record.ReportKey(record.BundleDeployments, appOnC1))
	})
}

// TestAPlanDoesNotOverwriteThePromotionOfTheNextHolder checks a plan that must not be
// committed, because the agent would uninstall what it got from the Bundle that has the name
// now.
func TestAPlanDoesNotOverwriteThePromotionOfTheNextHolder(t *testing.T) {
	paused := pausedCluster(onWith("c1", "y"))
	paused.Labels["tier"] = "old"
	restriction := &v1alpha1.GitRepoRestriction{ObjectMeta: metaOf("other", "r")}
	for name, c := range map[string]struct {
		given func(s *story)
		late  record.APIObject
	}{
		"a pause, and it had the name before": {(*story).contested, paused},
		"a pause, and it never had the name": {func(s *story) {
			s.write(mappingOfOther(), ofOther(app("v2", true)), onWith("c1", "x"), limited(app("v1", false)))
			require.Equal(s.t, "other v2 x", s.holder())
			require.Zero(s.t, s.holdRecords()[record.TypePromotion])
		}, paused},
		"a restriction, and it had the name before": {func(s *story) {
			s.contested()
			s.write(ofOther(limited(app("v3", true))))
			require.Equal(s.t, "other v2 x", s.holder())
		}, restriction},
	} {
		t.Run(name, func(t *testing.T) {
			runStory(t, func(s *story) {
				c.given(s)
				late := s.j.write(s.t, proposed(c.late, false))
				require.Contains(s.t, late.Put, record.PromotionKey(appOnC1))
				s.delete(ofOther(app("v2", true)))
				s.rollOut()
				require.Equal(s.t, "fleet v1 -", s.holder())
				require.False(s.t, s.j.holds(late))
			})
		})
	}
}

func TestAMappingDoesNotReviveAnOldPromotion(t *testing.T) {
	runStory(t, func(s *story) {
		b, c := ofOther(limited(app("v2", false))), on("c1")
		s.write(c, b)
		left := &record.Promotion{UID: derive.IdentityUID(b.UID, c.UID), Promoted: &record.Deployment{Options: v1alpha1.BundleDeploymentOptions{TargetNamespace: "v1"}}}
		left.Staged = left.Promoted
		s.put(record.PromotionKey(appOnC1), left)
		s.write(mappingOfOther())
		require.Empty(s.t, s.holder(), "it waits to be promoted")
		require.Zero(s.t, s.holdRecords()[record.TypePromotion])
	})
}
