// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Stories of BundleDeployment names that several pairs claim.

// recorded counts the holder records.
func (s *story) recorded() int {
	n := 0
	for key := range s.j.records {
		if key.Type == record.TypeHolder {
			n++
		}
	}
	return n
}

// failureOfOther returns the message of the Ready condition of a Bundle of "other".
func (s *story) failureOfOther() string {
	b := s.j.view.Get(record.Bundles, record.Name{Namespace: "other", Name: "app"}).Render().(*v1alpha1.Bundle)
	return readyOf(b.Status.Conditions).Message
}

// lateMapping returns a mapping that lets Bundles of "other" with a label select all
// Clusters.
func lateMapping() *v1alpha1.BundleNamespaceMapping {
	m := mappingOfOther()
	m.BundleSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"wide": "yes"}}
	return m
}

func wide(b *v1alpha1.Bundle) *v1alpha1.Bundle {
	b.Labels = map[string]string{"wide": "yes"}
	return b
}

// TestAHolderKeepsItsNameAgainstEveryOlderClaim makes writes that each let an older Bundle
// claim the name of a younger one.
func TestAHolderKeepsItsNameAgainstEveryOlderClaim(t *testing.T) {
	aside := func(b *v1alpha1.Bundle) *v1alpha1.Bundle {
		b.Spec.Targets = []v1alpha1.BundleTarget{where("aside", "yes")}
		return b
	}
	both := onWith("c1", "x")
	both.Labels["aside"] = "yes"
	group := groupOf("g", "on", "yes")
	grouped := ofOther(app("v2", false, ofGroup("g")))
	policy := strict()
	policy.ObjectMeta = metaOf("other", "p")
	for name, c := range map[string]struct{ given, then []record.APIObject }{
		"a new Bundle":                    {[]record.APIObject{mappingOfOther()}, []record.APIObject{ofOther(app("v2", false))}},
		"a new version":                   {[]record.APIObject{mappingOfOther(), aside(ofOther(app("v1", false)))}, []record.APIObject{ofOther(app("v2", false))}},
		"a mapping":                       {[]record.APIObject{ofOther(app("v2", false))}, []record.APIObject{mappingOfOther()}},
		"a label of the Bundle":           {[]record.APIObject{lateMapping(), ofOther(app("v2", false))}, []record.APIObject{wide(ofOther(app("v2", false)))}},
		"a label of the Cluster":          {[]record.APIObject{mappingOfOther(), aside(ofOther(app("v2", false)))}, []record.APIObject{both}},
		"a ClusterGroup":                  {[]record.APIObject{mappingOfOther(), grouped}, []record.APIObject{group}},
		"a Policy is removed":             {[]record.APIObject{mappingOfOther(), policy, ofOther(app("v2", false))}, nil},
		"a label that mends its template": {[]record.APIObject{mappingOfOther(), onWith("c1", "x"), on("c1"), ofOther(app("v2", true))}, []record.APIObject{onWith("c1", "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			runStory(t, func(s *story) {
				s.write(on("c1"), app("v1", false))
				s.write(c.given...)
				require.Equal(s.t, "fleet v1 -", s.holder())
				s.write(c.then...)
				if c.then == nil {
					s.delete(policy)
				}
				require.Equal(s.t, "fleet v1 -", s.holder())
				require.Equal(s.t, "BundleDeployment "+appOnC1.String()+" belongs to the Bundle fleet/app, which has it already; rename this Bundle", s.failureOfOther())
				require.Equal(s.t, 1, s.recorded())
				s.write(app("v3", false))
				require.Equal(s.t, "fleet v3 -", s.holder(), "another version changes nothing")
				s.write(clusterOf("c1", map[string]string{"aside": "yes"}), both)
				s.delete(app("v3", false))
				require.Contains(s.t, s.holder(), "other v2")
				require.Zero(s.t, s.recorded(), "it goes with what it names")
				s.write(app("v3", false))
				require.Contains(s.t, s.holder(), "other v2", "a claim that returns is younger")
			})
		})
	}
}

// TestBundlesOfOneSecondDoNotTakeNamesFromEachOther covers Bundles with the same creation
// time. Once the first by name won, even if another had the name.
func TestBundlesOfOneSecondDoNotTakeNamesFromEachOther(t *testing.T) {
	runStory(t, func(s *story) {
		mapping := mappingOfOther()
		mapping.Namespace = "apps"
		first := app("v2", false)
		first.Namespace, first.UID = "apps", "uid-of-apps-app"
		s.write(on("c1"), mapping, app("v1", false))
		s.write(first)
		require.Equal(s.t, "fleet v1 -", s.holder())
		s.write(endingBundle(app("v1", false)))
		require.Equal(s.t, "apps v2 -", s.holder())
	})
}

// TestAClusterThatComesBackDoesNotTakeItsNameBack checks that the record of an earlier time
// does not decide.
func TestAClusterThatComesBackDoesNotTakeItsNameBack(t *testing.T) {
	runStory(t, func(s *story) {
		off := clusterOf("c1", map[string]string{"aside": "yes"})
		both := on("c1")
		both.Labels["aside"] = "yes"
		s.write(on("c1"), app("v1", false), mappingOfOther(), ofOther(app("v2", false, where("aside", "yes"))), both)
		require.Equal(s.t, "fleet v1 -", s.holder())
		data := s.j.records[record.HolderKey(appOnC1)].value
		s.write(off)
		require.Equal(s.t, "other v2 -", s.holder())
		s.commit(&etcd.Txn{Put: map[record.Key][]byte{record.HolderKey(appOnC1): []byte(data)}}) // it could not be deleted by the write
		require.Equal(s.t, "other v2 -", s.holder())
		s.write(both)
		require.Equal(s.t, "other v2 -", s.holder())
	})
}

// TestTheSecondOfTwoConcurrentClaimsDoesNotTakeTheName checks two plans that do not know each
// other's claim.
func TestTheSecondOfTwoConcurrentClaimsDoesNotTakeTheName(t *testing.T) {
	t.Parallel()
	all := selectedBy(&metav1.LabelSelector{})
	old := clusterOf("a1", nil)
	old.CreationTimestamp = metav1.Unix(1_600_000_000, 0)
	oldOn := on("a1")
	oldOn.CreationTimestamp = old.CreationTimestamp
	for name, c := range map[string]struct {
		given         []record.APIObject
		together      bool
		first, second record.APIObject
	}{
		"two new Bundles":              {[]record.APIObject{mappingOfOther(), on("c1")}, false, app("v1", false), ofOther(app("v2", false))},
		"a label and a new Bundle":     {[]record.APIObject{mappingOfOther(), clusterOf("c1", nil), app("v1", false)}, false, on("c1"), ofOther(app("v2", false, all))},
		"a Cluster and a new Bundle":   {[]record.APIObject{mappingOfOther(), app("v1", false)}, false, on("c1"), ofOther(app("v2", false))},
		"a new Bundle and a mapping":   {[]record.APIObject{ofOther(app("v2", false)), on("c1")}, false, app("v1", false), mappingOfOther()},
		"a label and a mapping":        {[]record.APIObject{ofOther(app("v2", false, all)), clusterOf("c1", nil), app("v1", false)}, false, on("c1"), mappingOfOther()},
		"labels in a shared namespace": {[]record.APIObject{clusterOf("c1", nil), old, app("v1", false)}, true, on("c1"), oldOn},
	} {
		t.Run(name, func(t *testing.T) {
			runStory(t, func(s *story) {
				s.write(c.given...)
				if c.together {
					s.place(on("c1"), "shared")
					s.place(old, "shared")
				}
				first, second := s.j.write(s.t, proposed(c.first, false)), s.j.write(s.t, proposed(c.second, false))
				s.commit(first)
				holders := map[record.Name]string{}
				for item := range s.j.view.All(record.BundleDeployments, record.Name{}) {
					holders[item.Name()] = string(item.Render().GetUID())
				}
				require.Len(s.t, holders, 1)
				require.False(s.t, s.j.holds(second), "it is planned anew")
				s.write(c.second)
				for name, uid := range holders {
					require.Equal(s.t, uid, string(s.j.view.Get(record.BundleDeployments, name).Render().GetUID()))
				}
			})
		})
	}
}

// TestManyHoldersAreRecordedBeforeTheWrite checks that this takes steps that change nothing.
func TestManyHoldersAreRecordedBeforeTheWrite(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	const clusters = maxHolders + 50
	given := []record.APIObject{app("v1", false), ofOther(app("v2", false))}
	for i := range clusters {
		given = append(given, on(fmt.Sprintf("c%04d", i)))
	}
	require.True(t, s.j.commit(nil, putting(t, given...)))
	p := proposed(mappingOfOther(), false)
	plan, err := s.j.planner.Plan(t.Context(), p)
	require.NoError(t, err)
	require.Len(t, plan.First, 2)
	before := s.j.view
	for i := range plan.First {
		require.LessOrEqual(t, len(plan.First[i].Unchanged)+len(plan.First[i].UnchangedSince), 4, "few guards")
		require.True(t, s.j.commit(nil, &plan.First[i]))
	}
	require.Equal(t, shownIn(before), shownIn(s.j.view))
	s.propose(p)
	require.Equal(t, shownIn(before), shownIn(s.j.view))
	require.Equal(t, clusters, s.recorded())
}

// TestAnUndecodableHolderRecordKeepsItsName checks that the record keeps its last meaning; if
// that is not known, the view is not whole.
func TestAnUndecodableHolderRecordKeepsItsName(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.write(on("c1"), mappingOfOther(), app("v1", false), ofOther(app("v2", false)))
	require.Equal(t, "fleet v1 -", s.holder())
	h := &history{&edits{&universe{}, t, s.j}, s.checker}
	h.write(map[record.Key][]byte{record.HolderKey(appOnC1): []byte("#")})
	require.Equal(t, "fleet v1 -", s.holder())
	require.EqualValues(t, 0, s.j.view.Whole)
	h.loadWith(map[record.Key][]byte{record.HolderKey(appOnC1): []byte("#")})
	require.Equal(t, "other v2 -", s.holder())
	require.Positive(t, s.j.view.Whole, "so no client sees it")
}

func TestAHolderRecordIsUnusedAfterTheContest(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	unused := func() (out []string) {
		for _, d := range s.j.state.Unused(s.j.state.MaybeUnused()) {
			out = append(out, d.Key.Path())
		}
		return out
	}
	s.write(on("c1"), mappingOfOther(), app("v1", false), ofOther(app("v2", false)))
	require.Equal(t, 1, s.recorded())
	require.Empty(t, unused())
	s.delete(ofOther(app("v2", false)))
	require.Equal(t, []string{record.HolderKey(appOnC1).Path()}, unused(), "the contest ended")
	s.put(record.HolderKey(appOnC1), record.Holder{UID: derive.IdentityUID("none", "nowhere")})
	s.write(ofOther(app("v2", false)))
	require.Equal(t, "fleet v1 -", s.holder())
	require.Empty(t, unused())
	s.delete(app("v1", false))
	s.delete(ofOther(app("v2", false)))
	require.Contains(t, unused(), record.NamesGuardKey("app").Path())
}
