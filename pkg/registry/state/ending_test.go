// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Stories of Bundles and Clusters that are being deleted while a finalizer waits.

func endingBundle(b *v1alpha1.Bundle) *v1alpha1.Bundle {
	now := metav1.Unix(1_800_000_000, 0)
	b.DeletionTimestamp, b.Finalizers, b.Generation = &now, []string{"example.org/wait"}, b.Generation+1
	return b
}

func endingCluster(c *v1alpha1.Cluster) *v1alpha1.Cluster {
	now := metav1.Unix(1_800_000_000, 0)
	c.DeletionTimestamp, c.Finalizers = &now, []string{"example.org/wait"}
	return c
}

// left counts the records that are neither objects nor guards.
func (s *story) left() map[record.Type]int {
	out := map[record.Type]int{}
	for key := range s.j.records {
		if key.Type != record.TypeObject && key.Type != record.TypeGuard {
			out[key.Type]++
		}
	}
	return out
}

func TestABundleThatIsBeingDeletedHasNoBundleDeployments(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), onWith("c2", "b"), app("v1", true))
		s.shows("", onClusters{"c1": "v1 x", "c2": "v1 b"})
		s.report("c1", true)
		before := s.j.revision
		s.write(endingBundle(app("v1", true)))
		require.Equal(s.t, before+1, s.j.revision, "all go in one revision")
		s.shows("", onClusters{})
		require.Empty(s.t, s.left(), "the report is deleted")
		s.write(onWith("c3", "z"), clusterOf("c4", nil), onWith("c4", "w"))
		group := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "g")}
		group.Spec.Selector = &metav1.LabelSelector{}
		s.write(group)
		s.shows("", onClusters{})
		edited := endingBundle(app("v3", true, ofGroup("g"), where("on", "yes")))
		s.write(edited)
		s.shows("", onClusters{})
		require.Empty(s.t, s.left(), "an edit of what ends needs no pin, whatever fails")
		status := s.j.view.Get(record.Bundles, theApp).Render().(*v1alpha1.Bundle).Status
		require.Equal(s.t, "0/0", status.Display.ReadyClusters)

		s.delete(edited)
		again := app("v1", false)
		again.UID = "uid-of-another"
		s.write(again)
		require.Len(s.t, s.deployed(), 4, "one of its name comes after it")
	})
}

// TestABundleBeingDeletedKeepsNoEarlierVersion checks that S 2.7 does not apply, and that a
// roll-out holds nothing back.
func TestABundleBeingDeletedKeepsNoEarlierVersion(t *testing.T) {
	for name, given := range map[string]func(s *story){
		"its newest version fails": func(s *story) {
			s.write(onWith("c1", "x"), on("c2"), app("v1", false), app("v2", true))
			s.shows(missing("c2"), onClusters{"c1": "v1 -", "c2": "v1 -"})
		},
		"it fails on one Cluster": func(s *story) {
			s.write(onWith("c1", "x"), onWith("c2", "b"), app("v2", true), on("c2"))
			s.shows(missing("c2"), onClusters{"c1": "v2 x", "c2": "v2 b"})
		},
		"its roll-out has only begun": func(s *story) {
			s.write(on("c1"), on("c2"), limited(app("v1", false)))
			s.rollOut()
			s.write(limited(app("v2", false)))
			s.rollOut()
			require.Positive(s.t, s.holdRecords()[record.TypePromotion])
		},
		"it is paused with a new version": func(s *story) {
			s.write(on("c1"), on("c2"), app("v1", false), paused(app("v2", false)))
			require.Positive(s.t, s.holdRecords()[record.TypeRollout])
		},
	} {
		t.Run(name, func(t *testing.T) {
			runStory(t, func(s *story) {
				given(s)
				s.write(endingBundle(app("v3", true)))
				require.Empty(s.t, s.deployed())
				left := s.left()
				delete(left, record.TypePin) // the next edit of a Cluster deletes its pins
				require.Empty(s.t, left)
				s.write(on("c3"), on("c1"))
				require.Empty(s.t, s.deployed())
				require.Empty(s.t, s.failure())
			})
		})
	}
}

func TestAClusterThatIsBeingDeletedHasNoBundleDeployments(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), onWith("c2", "b"), app("v2", true), on("c2"))
		s.write(groupOf("g", "on", "yes"))
		s.shows(missing("c2"), onClusters{"c1": "v2 x", "c2": "v2 b"})
		s.report("c2", true)
		s.write(endingCluster(on("c2")))
		s.shows("", onClusters{"c1": "v2 x"})
		require.Empty(s.t, s.left(), "its pins and reports are gone")
		s.write(endingCluster(onWith("c2", "z")), bundleOf("other", where("on", "yes")))
		s.shows("", onClusters{"c1": "v2 x"})
		require.Equal(s.t, 2, s.j.view.Len(record.BundleDeployments))

		c2 := s.j.view.Get(record.Clusters, record.Name{Namespace: "fleet", Name: "c2"}).Render().(*v1alpha1.Cluster)
		require.Equal(s.t, "0/0", c2.Status.Display.ReadyBundles)
		require.Equal(s.t, names.ClusterNamespace("fleet", "c2"), c2.Status.Namespace, "its agent looks there, and sees that nothing is left")
		g := s.j.view.Get(record.ClusterGroups, record.Name{Namespace: "fleet", Name: "g"}).Render().(*v1alpha1.ClusterGroup)
		require.Equal(s.t, 2, g.Status.ClusterCount, "a group counts what its selector finds, as Fleet does")
	})
}

// TestAClusterBeingDeletedNoLongerBlocksAVersion checks that a version is accepted that failed
// only on that Cluster, as after the deletion.
func TestAClusterBeingDeletedNoLongerBlocksAVersion(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), on("c2"), app("v1", false), app("v2", true))
		s.shows(missing("c2"), onClusters{"c1": "v1 -", "c2": "v1 -"})
		s.write(endingCluster(on("c2")))
		s.shows("", onClusters{"c1": "v2 x"})
		require.Zero(s.t, s.pins())
	})
}

func TestAFreedNameGoesToAnotherBundle(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(mappingOfOther(), onWith("c1", "x"), ofOther(app("v2", true)), app("v1", false))
		require.Equal(s.t, "other v2 x", s.holder())
		s.write(endingBundle(ofOther(app("v2", true))))
		require.Equal(s.t, "fleet v1 -", s.holder())
		require.Empty(s.t, s.failure())
	})
}

// TestAllThatIsDeletedAtOnceIsGoneAtOnce checks that the BundleDeployments end in one
// revision.
func TestAllThatIsDeletedAtOnceIsGoneAtOnce(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), on("c2"), on("c3"), app("v1", false))
		s.write(endingBundle(app("v1", false)))
		if s.restarts {
			return // a load publishes no changes
		}
		gone := 0
		for _, change := range s.j.view.Exactly(s.j.revision).Changes(record.BundleDeployments, "", "") {
			require.Nil(s.t, change.Next)
			gone++
		}
		require.Equal(s.t, 3, gone)
	})
}
