// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestAVersionThatFailsOnOneClusterReachesNone(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), on("c2"), app("v1", false))
		s.shows("", onClusters{"c1": "v1 -", "c2": "v1 -"})
		s.write(app("v2", true))
		s.shows(missing("c2"), onClusters{"c1": "v1 -", "c2": "v1 -"})
		s.write(app("v3", true))
		s.shows(missing("c2"), onClusters{"c1": "v1 -", "c2": "v1 -"})
		s.write(onWith("c3", "z")) // the old version also for new clusters
		s.shows(missing("c2"), onClusters{"c1": "v1 -", "c2": "v1 -", "c3": "v1 -"})
		s.write(app("v4", false))
		s.shows("", onClusters{"c1": "v4 -", "c2": "v4 -", "c3": "v4 -"})
		require.Zero(t, s.pins())
	})
}

func TestAnAcceptedVersionIsPinnedOnlyWhereALabelBreaksIt(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), on("c2"), app("v1", false), app("v2", true), onWith("c2", "b"))
		s.shows("", onClusters{"c1": "v2 x", "c2": "v2 b"})
		require.Zero(t, s.pins(), "the version was accepted for good")
		s.write(on("c2"))
		s.shows(missing("c2"), onClusters{"c1": "v2 x", "c2": "v2 b"})
		s.write(onWith("c1", "z"))
		s.shows(missing("c2"), onClusters{"c1": "v2 z", "c2": "v2 b"})
		s.write(app("v3", true))
		s.shows(missing("c2"), onClusters{"c1": "v2 z", "c2": "v2 b"})
		s.write(onWith("c2", "w"))
		s.shows("", onClusters{"c1": "v3 z", "c2": "v3 w"})
		require.Zero(t, s.pins(), "what works needs no pin")
	})
}

func TestAVersionThatNeverWorkedDeploysNothing(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), on("c2"), app("v1", true))
		s.shows(missing("c2"), onClusters{})
		s.delete(on("c2"))
		s.shows("", onClusters{"c1": "v1 x"})
		require.Zero(t, s.pins())
	})
}

func TestANewClusterThatFailsHarmsNoOther(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), app("v1", true), on("c2"))
		s.shows(missing("c2"), onClusters{"c1": "v1 x"})
		s.write(onWith("c1", "b"))
		s.shows(missing("c2"), onClusters{"c1": "v1 b"})
		s.write(onWith("c2", "z"))
		s.shows("", onClusters{"c1": "v1 b", "c2": "v1 z"})
	})
}

// TestAnUnparsableVersionIsPinnedWhenALabelBreaksIt checks a version that fails only where
// labels exist: a cluster without labels gets the values unchanged (S 3.3, step 2).
func TestAnUnparsableVersionIsPinnedWhenALabelBreaksIt(t *testing.T) {
	runStory(t, func(s *story) {
		bare := clusterOf("c1", nil)
		broken := app("v1", true, v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterName: "c1"}})
		broken.Spec.Helm.Values.Data["v"] = "${ if }"
		s.write(bare, broken)
		s.shows("", onClusters{"c1": "v1 ${ if }"})
		labelled := clusterOf("c1", map[string]string{"a": "1"})
		s.write(labelled)
		s.shows(s.failure(), onClusters{"c1": "v1 ${ if }"})
		require.Contains(t, s.failure(), "targeting error: cluster c1 in namespace fleet: failed to parse helm values template")
		labelled.Annotations = map[string]string{"note": "n"}
		s.write(labelled)
		s.shows(s.failure(), onClusters{"c1": "v1 ${ if }"})
	})
}

func TestAMalformedSelectorKeepsTheOldVersion(t *testing.T) {
	runStory(t, func(s *story) {
		malformed := where("on", "yes")
		malformed.ClusterSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "on", Operator: "Like"}}
		s.write(on("c1"), app("v1", false), app("v2", false, malformed))
		require.Contains(t, s.failure(), "targeting error: ")
		require.Contains(t, s.failure(), "Like")
		require.Equal(t, onClusters{"c1": "v1 -"}, s.deployed())
		s.write(on("c2"))
		require.Equal(t, onClusters{"c1": "v1 -", "c2": "v1 -"}, s.deployed())
	})
}

func TestAGroupCanMakeAVersionWorkAndBreakIt(t *testing.T) {
	runStory(t, func(s *story) {
		group := func(value string) *v1alpha1.ClusterGroup {
			g := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "all")}
			g.Labels = map[string]string{"templates": value}
			g.Spec.Selector = where("on", "yes").ClusterSelector
			return g
		}
		grouped := func(version string) *v1alpha1.Bundle {
			plain := v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroupSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"templates": "no"}}}}
			templated := v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroupSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"templates": "yes"}}}}
			templated.Helm = app(version, true).Spec.Helm
			return app(version, false, plain, templated)
		}
		s.write(on("c1"), onWith("c2", "x"), group("yes"), grouped("v1"))
		s.shows(missing("c1"), onClusters{})
		s.write(group("no"))
		s.shows("", onClusters{"c1": "v1 -", "c2": "v1 -"})
		s.write(group("yes"))
		s.shows(missing("c1"), onClusters{"c1": "v1 -", "c2": "v1 x"})
		s.delete(group("yes"))
		require.Equal(t, onClusters{}, s.deployed())
	})
}

func TestAMappingCanMakeAVersionWork(t *testing.T) {
	runStory(t, func(s *story) {
		mapping := mappingOf("fleet", &metav1.LabelSelector{}, &metav1.LabelSelector{})
		s.write(onWith("c1", "x"), far(), mapping, app("v1", true))
		require.Contains(t, s.failure(), "cluster far in namespace other")
		require.Equal(t, onClusters{}, s.deployed())
		s.delete(mapping)
		s.shows("", onClusters{"c1": "v1 x"})
		require.Zero(t, s.pins())
		s.write(mapping) // a new cluster that fails, like any other
		require.Equal(t, onClusters{"c1": "v1 x"}, s.deployed())
	})
}

func TestLabelsOfABundleCanMakeItsVersionWork(t *testing.T) {
	runStory(t, func(s *story) {
		b := app("v1", true)
		b.Labels = map[string]string{"far": "yes"}
		s.write(onWith("c1", "x"), far(), mappingOf("fleet", where("far", "yes").ClusterSelector, &metav1.LabelSelector{}), b)
		require.Equal(t, onClusters{}, s.deployed())
		s.write(app("v1", true))
		s.shows("", onClusters{"c1": "v1 x"})
		require.Zero(t, s.pins())
	})
}

func TestAPolicyHoldsBackNewVersionsOnly(t *testing.T) {
	runStory(t, func(s *story) {
		policy := strict()
		policy.AllowNamespaceCreation = true
		const required = "serviceAccount is required by Policy but is not set on the Bundle"
		s.write(on("c1"), app("v1", false), policy)
		s.shows(required, onClusters{"c1": "v1 -"})
		s.write(app("v2", false))
		s.shows(required, onClusters{"c1": "v1 -"})
		s.delete(policy)
		s.shows("", onClusters{"c1": "v2 -"})
		require.Zero(t, s.pins())
		allowed := policy.DeepCopy()
		allowed.RequireServiceAccount, allowed.AllowedServiceAccounts = false, []string{"good"}
		bad := app("v3", false)
		bad.Spec.ServiceAccount = "bad"
		s.write(allowed, bad)
		s.shows("disallowed serviceAccount bad: bad not in allowed set [good]", onClusters{"c1": "v2 -"})
	})
}

func TestTheOlderBundleHoldsAnUnrecordedContestedName(t *testing.T) {
	runStory(t, func(s *story) {
		older := ofOther(app("v1", false))
		s.write(on("c1"), app("v2", false), mappingOfOther())
		s.shows("", onClusters{"c1": "v2 -"})
		s.write(older)
		require.Equal(s.t, 1, s.recorded())
		s.commit(&etcd.Txn{Delete: []record.Key{record.HolderKey(appOnC1)}})
		s.shows("BundleDeployment "+appOnC1.String()+" belongs to the Bundle other/app, which has it already; rename this Bundle", onClusters{})
		s.delete(older)
		s.shows("", onClusters{"c1": "v2 -"})
	})
}
