// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// secret returns the data of a values Secret with one value.
func secret(value string) map[string][]byte {
	return map[string][]byte{"values.yaml": []byte(`{"v":"` + value + `"}`)}
}

// withSecret returns a version of the bundle "app" whose values are in a Secret.
func withSecret(version string, data map[string][]byte) *v1alpha1.Bundle {
	b := app(version, false)
	b.Spec.ValuesHash = record.ValuesHash(data)
	return b
}

// mirror commits a plan that is the whole write.
func (s *story) mirror(plan *Plan, err error) {
	s.t.Helper()
	require.NoError(s.t, err)
	txn := plan.Txn()
	s.commit(&txn)
}

func (s *story) values(data map[string][]byte) {
	s.t.Helper()
	s.mirror(s.j.planner.Values(theApp, data))
}

// kept returns the number of values that the log holds.
func (s *story) kept() int {
	n := 0
	for key := range s.j.records {
		if key.Type == record.TypeMirror && key.Resource == record.Secrets {
			n++
		}
	}
	return n
}

// farMapping returns a mapping that lets Bundles of "fleet" target namespaces with a label.
func farMapping() *v1alpha1.BundleNamespaceMapping {
	return mappingOf("fleet", &metav1.LabelSelector{}, where("far", "yes").ClusterSelector)
}

func waiting(data map[string][]byte) string {
	return "waiting for the Secret fleet/app of type fleet.cattle.io/bundle-values/v1alpha1, whose values have the hash " + record.ValuesHash(data)
}

func TestABundleWaitsForItsValuesSecret(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), withSecret("v1", secret("a")))
		s.shows(waiting(secret("a")), onClusters{})
		s.values(secret("other")) // of an earlier fleet apply
		s.shows(waiting(secret("a")), onClusters{})
		s.values(secret("a"))
		s.shows("", onClusters{"c1": "v1 a"})
		require.Zero(t, s.pins())
	})
}

func TestUpdatingBundleAndSecretNeverShowsAMixedState(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), withSecret("v1", secret("a")))
		s.values(secret("a"))
		// The Bundle first, as fleet apply does.
		s.write(withSecret("v2", secret("b")))
		s.shows(waiting(secret("b")), onClusters{"c1": "v1 a"})
		s.write(on("c2"))
		s.shows(waiting(secret("b")), onClusters{"c1": "v1 a", "c2": "v1 a"})
		s.values(secret("b"))
		s.shows("", onClusters{"c1": "v2 b", "c2": "v2 b"})
		// The Secret first.
		s.values(secret("c"))
		s.shows("", onClusters{"c1": "v2 b", "c2": "v2 b"})
		s.write(withSecret("v3", secret("c")))
		s.shows("", onClusters{"c1": "v3 c", "c2": "v3 c"})
		// And to none.
		s.write(app("v4", false))
		s.shows("", onClusters{"c1": "v4 -", "c2": "v4 -"})
		require.Zero(t, s.pins())
	})
}

func TestValuesStayAsLongAsAVersionNeedsThem(t *testing.T) {
	runStory(t, func(s *story) {
		drop := func(data map[string][]byte) {
			s.mirror(s.j.planner.DropValues(theApp, record.ValuesHash(data)))
		}
		s.write(on("c1"), withSecret("v1", secret("a")))
		s.values(secret("a"))
		drop(secret("a")) // the Secret is lost
		s.shows("", onClusters{"c1": "v1 a"})
		s.write(on("c2"))
		s.shows("", onClusters{"c1": "v1 a", "c2": "v1 a"})
		s.write(withSecret("v2", secret("b")))
		drop(secret("a"))
		s.shows(waiting(secret("b")), onClusters{"c1": "v1 a", "c2": "v1 a"})
		s.values(secret("b"))
		require.Equal(t, 2, s.kept())
		drop(secret("a"))
		s.shows("", onClusters{"c1": "v2 b", "c2": "v2 b"})
		require.Equal(t, 1, s.kept())
		s.delete(app("v2", false))
		require.Zero(t, s.kept(), "values go with their Bundle")
		require.Zero(t, s.j.view.Len(record.BundleDeployments))
	})
}

func TestValuesThatFailOnAClusterKeepTheOldVersion(t *testing.T) {
	runStory(t, func(s *story) {
		templated := secret("${ .ClusterLabels.env }")
		s.write(on("c1"), onWith("c2", "x"), withSecret("v1", secret("a")))
		s.values(secret("a"))
		s.write(withSecret("v2", templated))
		s.write(onWith("c2", "w")) // its meaning there is not known
		s.shows(waiting(templated), onClusters{"c1": "v1 a", "c2": "v1 a"})
		s.values(templated)
		s.shows(missing("c1"), onClusters{"c1": "v1 a", "c2": "v1 a"})
		s.write(onWith("c1", "z"))
		s.shows("", onClusters{"c1": "v2 z", "c2": "v2 w"})
		require.Zero(t, s.pins())
		s.write(on("c1")) // an accepted version keeps what it had
		s.shows(missing("c1"), onClusters{"c1": "v2 z", "c2": "v2 w"})
	})
}

func TestASecretWithoutValuesIsReported(t *testing.T) {
	runStory(t, func(s *story) {
		bad := map[string][]byte{"values.yaml": []byte("[1]")}
		s.write(on("c1"), app("v1", false), withSecret("v2", bad))
		s.values(bad)
		s.shows(`Secret fleet/app: the values under "values.yaml" are not a map: found []interface {}`, onClusters{"c1": "v1 -"})
		s.write(app("v3", false))
		s.shows("", onClusters{"c1": "v3 -"})
	})
}

func TestDeletingAPolicyDoesNotReplaceMissingValues(t *testing.T) {
	runStory(t, func(s *story) {
		policy := strict()
		policy.AllowNamespaceCreation = true
		s.write(on("c1"), app("v1", false), policy, withSecret("v2", secret("a")))
		s.delete(policy)
		s.shows(waiting(secret("a")), onClusters{"c1": "v1 -"})
		s.write(policy)
		s.values(secret("a"))
		s.shows("serviceAccount is required by Policy but is not set on the Bundle", onClusters{"c1": "v1 -"})
		s.delete(policy)
		s.shows("", onClusters{"c1": "v2 a"})
		require.Zero(t, s.pins())
	})
}

// TestValuesMeanTheSameInlineAndInASecret checks that for the agent too, which would deploy
// again if the deploymentID changed.
func TestValuesMeanTheSameInlineAndInASecret(t *testing.T) {
	runStory(t, func(s *story) {
		named := where("on", "yes")
		named.Name = "mine"
		inline := app("v1", false, *named.DeepCopy())
		inline.Spec.Helm = &v1alpha1.HelmOptions{Chart: "c", Values: &v1alpha1.GenericMap{Data: map[string]any{"a": int64(1), "v": "all"}}}
		inline.Spec.Targets[0].Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"v": "${ .ClusterName }"}}}
		s.write(onWith("c1", "x"), inline)
		id := func() string {
			for item := range s.j.view.OfBundle(theApp) {
				return item.Render().(*v1alpha1.BundleDeployment).Spec.DeploymentID
			}
			return ""
		}
		want := id()
		require.Equal(t, onClusters{"c1": "v1 c1"}, s.deployed())
		data := map[string][]byte{"values.yaml": []byte(`{"a":1,"v":"all"}`), "mine": []byte(`{"v":"${ .ClusterName }"}`)}
		split := app("v2", false, named)
		split.Spec.TargetNamespace, split.Spec.Helm = "v1", &v1alpha1.HelmOptions{Chart: "c"}
		split.Spec.Targets[0].Helm = &v1alpha1.HelmOptions{}
		split.Spec.ValuesHash = record.ValuesHash(data)
		s.values(data)
		s.write(split)
		require.Equal(t, want, id())
		require.Empty(t, s.failure())
	})
}

func TestNamespaceLabelsDecideTheSelectionOfAMapping(t *testing.T) {
	runStory(t, func(s *story) {
		label := func(labels map[string]string) {
			s.t.Helper()
			s.mirror(s.j.planner.Namespace("other", labels))
		}
		s.write(onWith("c1", "x"), far(), farMapping(), app("v1", false))
		s.shows("", onClusters{"c1": "v1 -"})
		label(map[string]string{"far": "yes"})
		s.shows("", onClusters{"c1": "v1 -", "far": "v1 -"})
		s.write(app("v2", true))
		require.Contains(t, s.failure(), "cluster far in namespace other")
		require.Equal(t, onClusters{"c1": "v1 -", "far": "v1 -"}, s.deployed())
		label(map[string]string{"far": "no"}) // removes the cluster on which it fails
		s.shows("", onClusters{"c1": "v2 x"})
		require.Zero(t, s.pins())
		label(map[string]string{"far": "yes"}) // a new cluster that fails, like any other
		require.Equal(t, onClusters{"c1": "v2 x"}, s.deployed())
		label(nil)
		s.shows("", onClusters{"c1": "v2 x"})
		require.NotContains(t, s.j.records, record.NamespaceKey("other"))
	})
}

func TestAMirrorIsWrittenOnlyIfItChanged(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	empty := func(plan *Plan, err error) {
		t.Helper()
		require.NoError(t, err)
		require.True(t, plan.Empty())
	}
	p := s.j.planner
	empty(p.Namespace("other", nil))
	empty(p.Namespace("other", map[string]string{"kubernetes.io/metadata.name": "other"}))
	s.mirror(p.Namespace("other", map[string]string{"a": "1"}))
	empty(p.Namespace("other", map[string]string{"a": "1"}))
	s.write(withSecret("v1", secret("a")))
	s.values(secret("a"))
	empty(p.Values(theApp, secret("a")))
	empty(p.DropValues(theApp, record.ValuesHash(secret("a"))))
	empty(p.DropValues(theApp, record.ValuesHash(secret("b"))))
}

func TestAReportEndsWhenAMappingNoLongerSelectsItsNamespace(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(far(), farMapping(), app("v1", false))
		s.mirror(s.j.planner.Namespace("other", map[string]string{"far": "yes"}))
		name := record.Name{Namespace: names.ClusterNamespace("other", "far"), Name: "app"}
		bd := s.j.view.Get(record.BundleDeployments, name).Render().(*v1alpha1.BundleDeployment)
		status := &v1alpha1.BundleDeployment{Status: v1alpha1.BundleDeploymentStatus{Ready: true}}
		s.put(record.ReportKey(record.BundleDeployments, name), &record.Report{Status: status, UID: bd.UID})
		s.mirror(s.j.planner.Namespace("other", nil))
		s.mirror(s.j.planner.Namespace("other", map[string]string{"far": "yes"}))
		require.False(t, s.j.view.Get(record.BundleDeployments, name).Render().(*v1alpha1.BundleDeployment).Status.Ready)
	})
}

func TestACountOfCopiesShowsOnItsBundleDeploymentOnly(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), app("v1", false))
		before := s.onC1()
		s.copies(record.Downstream{UID: "of an earlier one", Generation: 7})
		require.Equal(t, before.Spec, s.onC1().Spec)
		if !s.restarts {
			require.Equal(t, before.ResourceVersion, s.onC1().ResourceVersion, "nothing changed")
		}
		s.copies(record.Downstream{UID: before.UID, Generation: 1})
		require.EqualValues(t, 1, s.onC1().Spec.DownstreamResourcesGeneration)
		require.NotEqual(t, before.Generation, s.onC1().Generation)
		require.Equal(t, before.Spec.DeploymentID, s.onC1().Spec.DeploymentID)
		s.write(onWith("c1", "x"))
		require.EqualValues(t, 1, s.onC1().Spec.DownstreamResourcesGeneration)
	})
}

// TestAPlanThatMissedAMirrorOrAWriteIsRefused plans two writes, one of which is a mirror. The
// second write is refused if its plan did not know the first one.
func TestAPlanThatMissedAMirrorOrAWriteIsRefused(t *testing.T) {
	t.Parallel()
	policy := strict()
	templated := secret("${ .ClusterLabels.env }")
	write := func(object record.APIObject, gone bool) func(*story) *etcd.Txn {
		return func(s *story) *etcd.Txn { return s.j.write(t, proposed(object, gone)) }
	}
	planned := func(run func(p *Planner) (*Plan, error)) func(*story) *etcd.Txn {
		return func(s *story) *etcd.Txn {
			plan, err := run(s.j.planner)
			require.NoError(t, err)
			txn := plan.Txn()
			return &txn
		}
	}
	values := func(data map[string][]byte) func(*story) *etcd.Txn {
		return planned(func(p *Planner) (*Plan, error) { return p.Values(theApp, data) })
	}
	drop := func(data map[string][]byte) func(*story) *etcd.Txn {
		return planned(func(p *Planner) (*Plan, error) { return p.DropValues(theApp, record.ValuesHash(data)) })
	}
	labels := func(value string) func(*story) *etcd.Txn {
		return planned(func(p *Planner) (*Plan, error) { return p.Namespace("other", map[string]string{"far": value}) })
	}
	for name, c := range map[string]struct {
		given    []record.APIObject
		mirrored []map[string][]byte
		one, two func(*story) *etcd.Txn
	}{
		"values arrive, and the version that needs them": {
			given: []record.APIObject{on("c1"), app("v1", false)},
			one:   values(secret("a")), two: write(withSecret("v2", secret("a")), false),
		},
		"values arrive for a version that a policy holds back, and the policy is removed": {
			given: []record.APIObject{on("c1"), app("v1", false), policy, withSecret("v2", secret("a"))},
			one:   values(secret("a")), two: write(policy, true),
		},
		"values that need a label arrive, and the label is removed": {
			given: []record.APIObject{onWith("c1", "x"), app("v1", false), withSecret("v2", templated)},
			one:   values(templated), two: write(on("c1"), false),
		},
		"values that need a label arrive, and the label is added": {
			given: []record.APIObject{on("c1"), app("v1", false), withSecret("v2", templated)},
			one:   values(templated), two: write(onWith("c1", "x"), false),
		},
		"values that no version needs are removed, and a version that needs them arrives": {
			given: []record.APIObject{on("c1"), app("v1", false)}, mirrored: []map[string][]byte{secret("a")},
			one: drop(secret("a")), two: write(withSecret("v2", secret("a")), false),
		},
		"values arrive, and their Bundle is removed": {
			given: []record.APIObject{on("c1"), withSecret("v1", secret("a"))},
			one:   values(secret("a")), two: write(app("v1", false), true),
		},
		"a namespace comes into scope, and a version that fails there arrives": {
			given: []record.APIObject{onWith("c1", "x"), far(), farMapping(), app("v1", false)},
			one:   labels("yes"), two: write(app("v2", true), false),
		},
		"a namespace comes into scope, and a mapping is removed": {
			given: []record.APIObject{onWith("c1", "x"), far(), farMapping(), app("v1", false)},
			one:   labels("yes"), two: write(farMapping(), true),
		},
	} {
		for order, swapped := range map[string]bool{"": false, ", in the other order": true} {
			t.Run(name+order, func(t *testing.T) {
				t.Parallel()
				s := newStory(t)
				s.write(c.given...)
				for _, data := range c.mirrored {
					s.values(data)
				}
				first, second := c.one(s), c.two(s)
				again := c.two
				if swapped {
					first, second, again = second, first, c.one
				}
				require.True(t, s.j.commit(nil, first))
				require.False(t, s.j.holds(second))
				before := s.answer(s.j.records)
				require.True(t, s.j.commit(nil, again(s)), "planned anew, it holds")
				h := &history{&edits{t: t, j: s.j}, s.checker}
				h.kept(Proposal{Resource: "the second"}, before, s.answer(s.j.records))
			})
		}
	}
}
