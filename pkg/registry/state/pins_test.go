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
	"github.com/musterfleet/muster/pkg/registry/view"
)

// story is a journal that a test writes step by step, as the API server would. Every step
// compares it with the oracle. A story that restarts continues with a state made from the
// records.
type story struct {
	t        *testing.T
	restarts bool
	*checker
	j *journal
}

// tell runs a story twice: once with one state, and once with a restart after every step.
func tell(t *testing.T, run func(s *story)) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one go": false, "restarted after every step": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(&story{t, restarts, newChecker(t), newJournal()})
		})
	}
}

func (s *story) write(objects ...record.APIObject) {
	s.t.Helper()
	for _, object := range objects {
		s.propose(Proposal{Resource: resourceOf(object), Name: nameOf(object), Object: recordOf(object)})
	}
}

func (s *story) delete(object record.APIObject) {
	s.t.Helper()
	s.propose(Proposal{Resource: resourceOf(object), Name: nameOf(object)})
}

func (s *story) propose(p Proposal) {
	s.t.Helper()
	s.commit(s.j.write(s.t, p))
}

func (s *story) commit(txn *etcd.Txn) {
	s.t.Helper()
	require.True(s.t, s.j.commit(nil, txn), "the guards of a fresh plan do not hold")
	want := s.answer(s.j.records)
	s.state(s.j.state, s.j.view, s.j.records, want)
	loaded, v := s.j.loaded(nil)
	s.state(loaded, v, s.j.records, want)
	if s.restarts {
		s.j.adopt(loaded)
		s.j.view = v
	}
}

// deployed returns the version and the value of the bundle "app", by cluster.
func (s *story) deployed() map[string]string {
	out := map[string]string{}
	for item := range s.j.view.OfBundle(record.Name{Namespace: "fleet", Name: "app"}) {
		bd := item.Render().(*v1alpha1.BundleDeployment)
		out[bd.Labels[v1alpha1.LabelCluster]] = bd.Spec.Options.TargetNamespace + " " + valueOf(bd.Spec.Options.Helm)
	}
	return out
}

// failure returns the message of the Ready condition of the bundle "app".
func (s *story) failure() string {
	b := s.j.view.Get(record.Bundles, record.Name{Namespace: "fleet", Name: "app"}).Render().(*v1alpha1.Bundle)
	for _, c := range b.Status.Conditions {
		// With another reason it is a roll-up: some BundleDeployment is not ready.
		if c.Type == "Ready" && c.Reason == "Error" {
			require.Equal(s.t, "False", c.Status)
			return c.Message
		}
	}
	return ""
}

func (s *story) shows(failure string, deployed map[string]string) {
	s.t.Helper()
	require.Equal(s.t, deployed, s.deployed())
	require.Equal(s.t, failure, s.failure())
}

// pins counts the pins.
func (s *story) pins() int {
	n := 0
	for key := range s.j.records {
		if key.Type == record.TypePin {
			n++
		}
	}
	return n
}

// missing returns Fleet's message for a template that needs a missing label.
func missing(cluster string) string {
	return "targeting error: cluster " + cluster + ` in namespace fleet: failed to render helm values template: template: values:1:20: executing "values" at <.ClusterLabels.env>: map has no entry for key "env"`
}

// onClusters is what is deployed, by cluster.
type onClusters = map[string]string

func TestAVersionThatFailsOnOneClusterReachesNone(t *testing.T) {
	tell(t, func(s *story) {
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
	tell(t, func(s *story) {
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
	tell(t, func(s *story) {
		s.write(onWith("c1", "x"), on("c2"), app("v1", true))
		s.shows(missing("c2"), onClusters{})
		s.delete(on("c2"))
		s.shows("", onClusters{"c1": "v1 x"})
		require.Zero(t, s.pins())
	})
}

func TestANewClusterThatFailsHarmsNoOther(t *testing.T) {
	tell(t, func(s *story) {
		s.write(onWith("c1", "x"), app("v1", true), on("c2"))
		s.shows(missing("c2"), onClusters{"c1": "v1 x"})
		s.write(onWith("c1", "b"))
		s.shows(missing("c2"), onClusters{"c1": "v1 b"})
		s.write(onWith("c2", "z"))
		s.shows("", onClusters{"c1": "v1 b", "c2": "v1 z"})
	})
}

// TestAVersionThatParsesNowhereIsPinnedWhereTheFirstLabelBreaksIt checks a version that fails
// only where labels exist: a cluster without labels gets the values unchanged (S 3.3, step
// 2).
func TestAVersionThatParsesNowhereIsPinnedWhereTheFirstLabelBreaksIt(t *testing.T) {
	tell(t, func(s *story) {
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
	tell(t, func(s *story) {
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
	tell(t, func(s *story) {
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
	tell(t, func(s *story) {
		mapping := &v1alpha1.BundleNamespaceMapping{ObjectMeta: metaOf("fleet", "m")}
		mapping.BundleSelector, mapping.NamespaceSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{}
		remote := on("far")
		remote.Namespace = "other"
		s.write(onWith("c1", "x"), remote, mapping, app("v1", true))
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
	tell(t, func(s *story) {
		mapping := &v1alpha1.BundleNamespaceMapping{ObjectMeta: metaOf("fleet", "m")}
		mapping.BundleSelector, mapping.NamespaceSelector = where("far", "yes").ClusterSelector, &metav1.LabelSelector{}
		remote := on("far")
		remote.Namespace = "other"
		b := app("v1", true)
		b.Labels = map[string]string{"far": "yes"}
		s.write(onWith("c1", "x"), remote, mapping, b)
		require.Equal(t, onClusters{}, s.deployed())
		s.write(app("v1", true))
		s.shows("", onClusters{"c1": "v1 x"})
		require.Zero(t, s.pins())
	})
}

func TestAPolicyHoldsBackNewVersionsOnly(t *testing.T) {
	tell(t, func(s *story) {
		policy := &v1alpha1.Policy{ObjectMeta: metaOf("fleet", "p")}
		policy.RequireServiceAccount, policy.AllowNamespaceCreation = true, true
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

func TestTheOlderBundleHasAContestedNameWhereNothingIsRecorded(t *testing.T) {
	tell(t, func(s *story) {
		mapping := &v1alpha1.BundleNamespaceMapping{ObjectMeta: metaOf("other", "m")}
		mapping.BundleSelector, mapping.NamespaceSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{}
		older := app("v1", false)
		older.Namespace = "other"
		older.UID += "-other"
		older.CreationTimestamp = metav1.NewTime(older.CreationTimestamp.Add(-1e9))
		s.write(on("c1"), app("v2", false), mapping)
		s.shows("", onClusters{"c1": "v2 -"})
		s.write(older)
		require.Equal(s.t, 1, s.recorded())
		s.commit(&etcd.Txn{Delete: []record.Key{record.HolderKey(appOnC1)}})
		name := s.j.view.Get(record.Clusters, record.Name{Namespace: "fleet", Name: "c1"}).(*view.Object).Derived.Namespace + "/app"
		s.shows("BundleDeployment "+name+" belongs to the Bundle other/app, which has it already; rename this Bundle", onClusters{})
		s.delete(older)
		s.shows("", onClusters{"c1": "v2 -"})
	})
}
