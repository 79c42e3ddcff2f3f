// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// Stories of what is held back. The bundle is "app"; the target namespace shows its version.

// limited limits a version to one unavailable cluster.
func limited(b *v1alpha1.Bundle) *v1alpha1.Bundle {
	one := intstr.FromInt32(1)
	b.Spec.RolloutStrategy = &v1alpha1.RolloutStrategy{MaxUnavailable: &one}
	return b
}

func paused(b *v1alpha1.Bundle) *v1alpha1.Bundle {
	b.Spec.Paused = true
	return b
}

func pausedCluster(c *v1alpha1.Cluster) *v1alpha1.Cluster {
	c.Spec.Paused = true
	return c
}

// promoted returns what agents are to deploy, by cluster: "version>staged version" if the two
// differ.
func (s *story) promoted() map[string]string {
	out := map[string]string{}
	for item := range s.j.view.OfBundle(theApp) {
		bd := item.Render().(*v1alpha1.BundleDeployment)
		text := bd.Spec.Options.TargetNamespace
		if bd.Spec.DeploymentID != bd.Spec.StagedDeploymentID {
			text += ">" + bd.Spec.StagedOptions.TargetNamespace
		}
		out[bd.Labels[v1alpha1.LabelCluster]] = text
	}
	return out
}

// input returns the roll-out of the app.
func (s *story) input() rollout.Input {
	in, ok := s.j.state.Rollout(theApp)
	require.True(s.t, ok)
	return in
}

// step does the controller's next step completely: it records what follows from the base,
// drops the base, or makes a pass. It returns how many records that took.
func (s *story) step() int {
	in := s.input()
	txn := &etcd.Txn{Unchanged: in.Guards, Put: map[record.Key][]byte{}}
	decisions := rollout.Materialize(in)
	if in.HasBase && len(decisions) == 0 {
		put(s.t, txn, record.RolloutKey(theApp), record.Rollout{UID: in.UID})
	}
	if !in.HasBase {
		result, err := rollout.Pass(in)
		require.NoError(s.t, err)
		decisions = result.Decisions
	}
	for _, d := range decisions {
		target := in.Targets[d.Target]
		key := record.PromotionKey(target.Key)
		put(s.t, txn, key, &record.Promotion{UID: target.UID, Staged: rollout.Deployment(d.Staged), Promoted: rollout.Deployment(d.Promoted)})
		txn.Unchanged[key] = target.RecordRevision
	}
	if len(txn.Put) > 0 {
		s.commit(txn)
	}
	return len(txn.Put)
}

// rollOut takes all steps of the controller.
func (s *story) rollOut() {
	for s.step() > 0 {
	}
}

// report reports that the agent of a cluster has deployed what is promoted, and whether that
// is ready.
func (s *story) report(cluster string, ready bool) {
	key := record.Name{Namespace: names.ClusterNamespace("fleet", cluster), Name: "app"}
	bd := s.j.view.Get(record.BundleDeployments, key).Render().(*v1alpha1.BundleDeployment)
	status := &v1alpha1.BundleDeployment{Status: v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: bd.Spec.DeploymentID, Ready: ready}}
	s.put(record.ReportKey(record.BundleDeployments, key), &record.Report{Status: status, UID: bd.UID})
}

// holdRecords counts the records of roll-outs.
func (s *story) holdRecords() map[record.Type]int {
	out := map[record.Type]int{}
	for key := range s.j.records {
		if key.Type == record.TypePromotion || key.Type == record.TypeRollout {
			out[key.Type]++
		}
	}
	return out
}

func TestAVersionThatCannotBeHeldBackWritesNoRecords(t *testing.T) {
	runStory(t, func(s *story) {
		all := app("v2", false)
		hundred := intstr.FromString("100%")
		all.Spec.RolloutStrategy = &v1alpha1.RolloutStrategy{MaxUnavailable: &hundred}
		s.write(on("c1"), on("c2"), app("v1", false), all, onWith("c1", "x"), app("v3", true, where("env", "x")))
		require.Equal(t, onClusters{"c1": "v3"}, s.promoted())
		require.Empty(t, s.holdRecords())
		require.Empty(t, s.j.state.Rollouts())
	})
}

func TestANewVersionWithLimitsReachesNoClusterUntilItIsPromoted(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), on("c2"), app("v1", false))
		s.report("c1", true)
		s.report("c2", true)
		s.write(limited(app("v2", false)))
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted(), "neither promoted nor staged")
		require.Equal(t, map[record.Type]int{record.TypeRollout: 1}, s.holdRecords(), "one record for all")
		require.Equal(t, []record.Name{theApp}, s.j.state.Rollouts())
		require.Equal(t, 2, s.step(), "what follows from the base is recorded")
		require.Equal(t, 1, s.step(), "the base goes")
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted())
		require.Equal(t, 2, s.step())
		require.Equal(t, onClusters{"c1": "v2", "c2": "v1>v2"}, s.promoted(), "one is promoted, both are staged")
		require.Zero(t, s.step(), "the cap is reached")
		s.report("c1", true)
		require.Equal(t, 1, s.step())
		require.Equal(t, onClusters{"c1": "v2", "c2": "v2"}, s.promoted())
		require.Zero(t, s.step())
	})
}

func TestAStrategyAloneHoldsBackNothingAndForgetsNothing(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), on("c2"), app("v1", false))
		b := limited(app("v1", false))
		b.Generation = 2
		s.write(b)
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted())
		s.write(limited(app("v3", false)))
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted())
		s.write(limited(app("v4", false)))
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted(), "the base is the last version that was fully promoted")
		require.Equal(t, map[record.Type]int{record.TypeRollout: 1}, s.holdRecords())
	})
}

func TestALimitedBundleIsCreatedByPromotionsOnly(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), on("c2"), limited(app("v1", false)))
		require.Empty(t, s.promoted())
		require.Equal(t, 2, s.step())
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted())
		s.write(on("c3"))
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted())
		require.Equal(t, 1, s.step())
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1", "c3": "v1"}, s.promoted())
	})
}

func TestAPausedBundleIsStagedAndNotPromoted(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), app("v1", false), paused(app("v2", false)))
		require.Equal(t, onClusters{"c1": "v1>v2"}, s.promoted())
		s.write(on("c2"))
		require.Equal(t, onClusters{"c1": "v1>v2", "c2": "v1>v2"}, s.promoted())
		s.step()
		s.step()
		s.write(on("c3"))
		require.Equal(t, onClusters{"c1": "v1>v2", "c2": "v1>v2", "c3": ">v2"}, s.promoted(), "without a base there is nothing to promote")
		s.write(app("v3", false))
		require.Equal(t, onClusters{"c1": "v3", "c2": "v3", "c3": "v3"}, s.promoted(), "all at once")
	})
}

func TestAPausedClusterStaysAtItsVersion(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), pausedCluster(on("c2")), app("v1", false), app("v2", false))
		require.Equal(t, onClusters{"c1": "v2", "c2": ">v2"}, s.promoted(), "v1 came while c2 was paused already")
		s.write(on("c2"))
		require.Equal(t, onClusters{"c1": "v2", "c2": "v2"}, s.promoted())
		s.write(pausedCluster(on("c2")))
		require.Equal(t, onClusters{"c1": "v2", "c2": "v2"}, s.promoted(), "pausing changes nothing, whatever base there was")
		s.write(app("v3", false))
		require.Equal(t, onClusters{"c1": "v3", "c2": "v2>v3"}, s.promoted())
		s.write(app("v4", false), on("c2"))
		require.Equal(t, onClusters{"c1": "v4", "c2": "v4"}, s.promoted())
	})
}

func TestPausingAndRelabellingInOneWriteKeepsTheOptions(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), app("v1", true))
		s.write(pausedCluster(onWith("c1", "b")))
		require.Equal(t, onClusters{"c1": "v1 x"}, s.deployed())
		s.write(pausedCluster(onWith("c1", "z")))
		require.Equal(t, onClusters{"c1": "v1 x"}, s.deployed())
		require.Equal(t, map[record.Type]int{record.TypePromotion: 1}, s.holdRecords())
		s.write(onWith("c1", "z"))
		require.Equal(t, onClusters{"c1": "v1 z"}, s.deployed())
		require.Empty(t, s.holdRecords(), "what rules nothing is gone")
	})
}

func TestALabelDoesNotChangeTheMeaningOfTheBase(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), onWith("c2", "x"), app("v1", true), limited(app("v2", false)))
		require.Equal(t, onClusters{"c1": "v1 x", "c2": "v1 x"}, s.deployed())
		s.write(onWith("c1", "z"))
		require.Equal(t, onClusters{"c1": "v1 x", "c2": "v1 x"}, s.deployed())
		s.write(on("c1")) // where the old version fails
		require.Equal(t, onClusters{"c1": "v1 x", "c2": "v1 x"}, s.deployed())
		require.Equal(t, map[record.Type]int{record.TypeRollout: 1, record.TypePromotion: 1}, s.holdRecords())
	})
}

func TestAVersionThatAnotherWriteAcceptsIsHeldBackToo(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(onWith("c1", "x"), on("c2"), app("v1", false), limited(app("v2", true)))
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted())
		s.write(onWith("c2", "b"))
		require.Empty(t, s.failure(), "the new version works")
		require.Equal(t, onClusters{"c1": "v1", "c2": "v1"}, s.promoted(), "and is in force, and held back")
		require.Equal(t, map[record.Type]int{record.TypeRollout: 1}, s.holdRecords())
		require.Zero(t, s.pins())
	})
}

func TestALimitedVersionDoesNotReviveOldPromotions(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), app("v1", false), limited(app("v2", false)))
		s.step() // records v1
		s.write(app("v3", false))
		require.Equal(t, onClusters{"c1": "v3"}, s.promoted())
		require.Equal(t, 1, s.holdRecords()[record.TypePromotion], "the sweep has not run")
		s.write(limited(app("v4", false)))
		require.Equal(t, onClusters{"c1": "v3"}, s.promoted(), "v3 was promoted, and is not taken back")
		require.Zero(t, s.holdRecords()[record.TypePromotion])
	})
}

func TestResultsOfTheFirstBaseAreRecordedBeforeTheSecond(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), on("c2"), app("v1", false), pausedCluster(on("c2")), app("v2", false))
		require.Equal(t, onClusters{"c1": "v2", "c2": "v1>v2"}, s.promoted())
		s.write(limited(app("v3", false)))
		require.Equal(t, onClusters{"c1": "v2", "c2": "v1>v2"}, s.promoted())
		require.Equal(t, map[record.Type]int{record.TypeRollout: 1, record.TypePromotion: 1}, s.holdRecords())
	})
}

func TestRulesDoNotChangePromotions(t *testing.T) {
	runStory(t, func(s *story) {
		restriction := &v1alpha1.GitRepoRestriction{ObjectMeta: metaOf("fleet", "r")}
		restriction.AllowedTargetNamespaceSelector = where("a", "b").ClusterSelector
		ofGit := func(b *v1alpha1.Bundle) *v1alpha1.Bundle {
			b.Labels = map[string]string{v1alpha1.LabelRepoName: "repo"}
			return b
		}
		s.write(on("c1"), on("c2"), ofGit(app("v1", false)), ofGit(limited(app("v2", false))))
		before := s.ids()
		s.write(restriction)
		require.Equal(t, before, s.ids())
		policy := &v1alpha1.Policy{ObjectMeta: metaOf("fleet", "p")}
		s.write(policy)
		require.Equal(t, before, s.ids())
		s.write(limited(app("v2", false))) // the label is removed, the version remains
		require.Equal(t, before, s.ids())
	})
}

func TestABundlesLabelDoesNotChangeAPausedCluster(t *testing.T) {
	runStory(t, func(s *story) {
		restriction := &v1alpha1.GitRepoRestriction{ObjectMeta: metaOf("fleet", "r")}
		restriction.AllowedTargetNamespaceSelector = where("a", "b").ClusterSelector
		ofGit := app("v1", false)
		ofGit.Labels = map[string]string{v1alpha1.LabelRepoName: "repo"}
		s.write(on("c1"), restriction, ofGit, pausedCluster(on("c1")))
		before := s.ids()
		s.write(app("v1", false))
		require.Equal(t, before, s.ids())
	})
}

// ids returns the promoted deployment IDs.
func (s *story) ids() []string {
	var out []string
	for item := range s.j.view.OfBundle(theApp) {
		out = append(out, item.Render().(*v1alpha1.BundleDeployment).Spec.DeploymentID)
	}
	slices.Sort(out)
	return out
}

func TestCorrectDriftIsNotHeldBackAndDiffFollowsItsPartition(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), limited(app("v1", false)))
		s.step()
		looks := limited(app("v1", false))
		looks.Generation = 2
		looks.Spec.CorrectDrift = &v1alpha1.CorrectDrift{Enabled: true}
		looks.Spec.Diff = &v1alpha1.DiffOptions{ComparePatches: []v1alpha1.ComparePatch{{Kind: "ConfigMap"}}}
		s.write(looks)
		shown := func() v1alpha1.BundleDeploymentSpec {
			for item := range s.j.view.OfBundle(theApp) {
				return item.Render().(*v1alpha1.BundleDeployment).Spec
			}
			return v1alpha1.BundleDeploymentSpec{}
		}
		require.Equal(t, looks.Spec.CorrectDrift, shown().CorrectDrift)
		require.Nil(t, shown().Options.Diff, "until the partition is reached")
		require.Equal(t, 1, s.step())
		require.Equal(t, looks.Spec.Diff, shown().Options.Diff)
	})
}

func TestDeletingABundleDeletesItsRolloutRecords(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), on("c2"), app("v1", false), limited(app("v2", false)))
		s.step()
		s.delete(app("v2", false))
		require.Empty(t, s.holdRecords())
		s.write(limited(app("v1", false)))
		s.step()
		s.delete(on("c1"))
		require.Equal(t, map[record.Type]int{record.TypeRollout: 1, record.TypePromotion: 1}, s.holdRecords())
	})
}
