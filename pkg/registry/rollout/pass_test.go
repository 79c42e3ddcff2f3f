// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

type criteria = v1alpha1.ClusterCriteria

// A fleet is written as one word for each Cluster, STAGED/PROMOTED/APPLIED with one
// digit for a version and - for none; then:
//
//	!  not ready
//	p  paused
//	n  the Cluster has no namespace
//
// "new" is a target without a BundleDeployment. The newest version is 2.
func fleet(words ...string) []rollout.Target {
	targets := make([]rollout.Target, 0, len(words))
	for i, word := range words {
		name := fmt.Sprintf("c%02d", i)
		t := rollout.Target{
			Cluster: targeting.Cluster{Name: name, Namespace: "ns", Labels: map[string]string{"name": name}},
			Key:     record.Name{Namespace: "cluster-" + name, Name: "b"}, UID: types.UID(name), Held: true,
			Computed: content("2", ""),
		}
		flags := word[3:]
		if word[:3] != "new" {
			flags = word[5:]
			t.Exists, t.Ready = true, true
			t.Staged, t.Promoted = version(word[0]), version(word[2])
			if applied := version(word[4]); applied != nil {
				t.Applied = applied.DeploymentID
			}
		}
		for _, flag := range flags {
			switch flag {
			case '!':
				t.Ready = false
			case 'p':
				t.Paused = true
			case 'n':
				t.Key = record.Name{}
			}
		}
		targets = append(targets, t)
	}
	return targets
}

func version(digit byte) *derive.Content {
	if digit == '-' {
		return nil
	}
	return content(string(digit), "")
}

// shown describes decisions as INDEX:STAGED/PROMOTED, with + for a created BundleDeployment
// and ~ for an available one that is disrupted.
func shown(decisions []rollout.Decision) []string {
	out := []string{}
	for _, d := range decisions {
		staged, _ := versionOf(d.Staged)
		promoted, _ := versionOf(d.Promoted)
		text := fmt.Sprintf("%d:%s/%s", d.Target, staged, promoted)
		if d.Created {
			text += "+"
		}
		if d.Disrupts {
			text += "~"
		}
		out = append(out, text)
	}
	return out
}

func TestAPass(t *testing.T) {
	t.Parallel()
	one := v1alpha1.RolloutStrategy{MaxUnavailable: number(1)}
	inTwos := v1alpha1.RolloutStrategy{MaxUnavailable: number(1), AutoPartitionThreshold: new(1), AutoPartitionSize: number(2)}
	for _, c := range []struct {
		name     string
		strategy v1alpha1.RolloutStrategy
		fleet    []string
		want     []string
	}{
		{"of a fleet that has it all does nothing", one, []string{"2/2/2", "2/2/2"}, []string{}},
		{"promotes as many available ones as may be unavailable, and stages all", one, []string{"1/1/1", "1/1/1", "1/1/1"}, []string{"0:2/2~", "1:2/1", "2:2/1"}},
		{"waits while one is unavailable", one, []string{"2/2/1", "2/1/1"}, []string{}},
		{"continues when it is available again", one, []string{"2/2/2", "2/1/1"}, []string{"1:2/2~"}},
		{"counts one that is not ready", one, []string{"2/2/2!", "2/1/1"}, []string{}},
		{"counts one of the old version that is not ready, and promotes only that one", one, []string{"2/1/1", "2/1/1!"}, []string{"1:2/2"}},
		{"replaces a broken version at once, everywhere", one, []string{"1/1/1!", "1/1/1!", "1/1/0", "1/1/1"}, []string{"0:2/2", "1:2/2", "2:2/2", "3:2/1"}},
		{"promotes what is created, whatever the limits", one, []string{"2/2/1", "new", "new"}, []string{"1:2/2+", "2:2/2+"}},
		{"with a limit of nothing promotes only the unavailable", v1alpha1.RolloutStrategy{MaxUnavailable: number(0)}, []string{"1/1/1", "1/1/1!"}, []string{"0:2/1", "1:2/2"}},
		{"stages the paused but does not promote them", one, []string{"1/1/1p", "1/1/1"}, []string{"0:2/1", "1:2/2~"}},
		{"creates the paused with nothing promoted", one, []string{"newp"}, []string{"0:2/+"}},
		{"does not write what has no namespace", one, []string{"newn", "new"}, []string{"1:2/2+"}},
		{"counts what has no namespace among the new", v1alpha1.RolloutStrategy{MaxNew: new(1)}, []string{"newn", "new"}, []string{}},
		{"creates no more than maxNew", v1alpha1.RolloutStrategy{MaxNew: new(2)}, []string{"new", "new", "new"}, []string{"0:2/2+", "1:2/2+"}},
		{"creates none if maxNew is 0", v1alpha1.RolloutStrategy{MaxNew: new(0)}, []string{"new", "1/1/1"}, []string{"1:2/2~"}},
		{"counts maxNew over all partitions", v1alpha1.RolloutStrategy{MaxNew: new(1), Partitions: []v1alpha1.Partition{{ClusterCriteria: criteria{ClusterName: "c00"}}, {ClusterCriteria: criteria{ClusterName: "c01"}}}, MaxUnavailablePartitions: number(2)}, []string{"new", "new"}, []string{"0:2/2+"}},
		{"does not reach the second partition while the first is not done", inTwos, []string{"1/1/1", "1/1/1", "1/1/1", "1/1/1"}, []string{"0:2/2~", "1:2/1"}},
		{"reaches the second partition when at most its limit of the first is missing, within the limit of all", v1alpha1.RolloutStrategy{MaxUnavailable: number(2), Partitions: []v1alpha1.Partition{{ClusterCriteria: criteria{ClusterName: "c00"}, MaxUnavailable: number(1)}, {ClusterCriteria: criteria{ClusterName: "c01"}, MaxUnavailable: number(1)}}}, []string{"2/2/1", "1/1/1"}, []string{"1:2/2~"}},
		{"in the second partition counts all unavailable ones against the limit of all", inTwos, []string{"2/2/2", "2/2/1", "2/1/1", "2/1/1"}, []string{}},
		{"creates nothing in a partition that is not reached", inTwos, []string{"1/1/1", "1/1/1", "new", "new"}, []string{"0:2/2~", "1:2/1"}},
		{"goes over a partition if one may be over its limit", v1alpha1.RolloutStrategy{MaxUnavailable: number(1), MaxUnavailablePartitions: number(1), AutoPartitionThreshold: new(1), AutoPartitionSize: number(2)}, []string{"1/1/1", "1/1/1", "1/1/1", "1/1/1"}, []string{"0:2/2~", "1:2/1", "2:2/1", "3:2/1"}},
		{"is stopped by a paused Cluster of an old version", v1alpha1.RolloutStrategy{Partitions: []v1alpha1.Partition{{ClusterCriteria: criteria{ClusterName: "c00"}, MaxUnavailable: number(0)}, {ClusterCriteria: criteria{ClusterName: "c01"}}}}, []string{"2/1/1p", "1/1/1"}, []string{}},
		{"never touches a target in no partition", v1alpha1.RolloutStrategy{Partitions: []v1alpha1.Partition{{ClusterCriteria: criteria{ClusterName: "c01"}}}}, []string{"1/1/1", "1/1/1", "new"}, []string{"1:2/2~"}},
		{"promotes a member of two partitions once", v1alpha1.RolloutStrategy{Partitions: []v1alpha1.Partition{{ClusterCriteria: criteria{ClusterName: "c00"}}, {ClusterCriteria: criteria{ClusterName: "c00"}}}}, []string{"1/1/1"}, []string{"0:2/2~"}},
		{"gives a member of two partitions what the second lets through", v1alpha1.RolloutStrategy{MaxUnavailablePartitions: number(1), Partitions: []v1alpha1.Partition{{ClusterCriteria: criteria{ClusterName: "c00"}, MaxUnavailable: number(0)}, {ClusterCriteria: criteria{ClusterName: "c00"}}}}, []string{"1/1/1"}, []string{"0:2/2~"}},
		{"passes over a version that came meanwhile", one, []string{"1/0/0", "1/1/0"}, []string{"0:2/0", "1:2/2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			result, err := rollout.Pass(rollout.Input{Strategy: &c.strategy, Limited: true, Targets: fleet(c.fleet...)})
			require.NoError(t, err)
			require.Equal(t, c.want, shown(result.Decisions))
		})
	}
}

func TestFiftyAreCreatedInOnePass(t *testing.T) {
	t.Parallel()
	words := make([]string, 70)
	for i := range words {
		words[i] = "new"
	}
	in := rollout.Input{Strategy: &v1alpha1.RolloutStrategy{MaxUnavailable: number(1)}, Limited: true, Targets: fleet(words...)}
	result, err := rollout.Pass(in)
	require.NoError(t, err)
	require.Len(t, result.Decisions, 50)

	in.Strategy, in.Limited = nil, false
	result, err = rollout.Pass(in)
	require.NoError(t, err)
	require.Len(t, result.Decisions, 70, "without limits all exist from the start")
}

func TestAPassIgnoresTargetsThatAreNotHeld(t *testing.T) {
	t.Parallel()
	targets := fleet("1/1/1", "1/1/1p")
	targets[0].Held = false
	result, err := rollout.Pass(rollout.Input{Targets: targets})
	require.NoError(t, err)
	require.Equal(t, []string{"1:2/1"}, shown(result.Decisions))
}

func TestAPassLeavesFailedTargetsAlone(t *testing.T) {
	t.Parallel()
	targets := fleet("1/1/1", "new", "1/1/1")
	targets[0].Computed, targets[1].Computed = nil, nil
	result, err := rollout.Pass(rollout.Input{Limited: true, Targets: targets})
	require.NoError(t, err)
	require.Equal(t, []string{"2:2/2~"}, shown(result.Decisions))
	require.Equal(t, 3, result.Partitions[0].Unavailable, "targets without the newest version count")
}

func TestAPassWithAnInvalidStrategyDecidesNothing(t *testing.T) {
	t.Parallel()
	for _, strategy := range []*v1alpha1.RolloutStrategy{
		{MaxUnavailable: text("x")}, {MaxUnavailablePartitions: text("x")}, {Partitions: []v1alpha1.Partition{{MaxUnavailable: text("x"), ClusterCriteria: criteria{ClusterName: "c00"}}}},
	} {
		result, err := rollout.Pass(rollout.Input{Strategy: strategy, Limited: true, Targets: fleet("1/1/1")})
		require.ErrorContains(t, err, "invalid maxUnavailable")
		require.Empty(t, result.Decisions)
	}
}

func TestADiffIsTakenOverWithoutAPromotion(t *testing.T) {
	t.Parallel()
	in := rollout.Input{Limited: true, Strategy: &v1alpha1.RolloutStrategy{MaxUnavailable: number(0)}, Targets: fleet("2/2/2", "2/2/2p", "1/1/1")}
	for i := range in.Targets {
		in.Targets[i].Computed = content("2", "x")
	}
	result, err := rollout.Pass(in)
	require.NoError(t, err)
	require.Len(t, result.Decisions, 3)
	for i, want := range []string{"x", "", ""} {
		_, staged := versionOf(result.Decisions[i].Staged)
		require.Equal(t, "x", staged)
		_, promoted := versionOf(result.Decisions[i].Promoted)
		require.Equal(t, want, promoted)
		require.False(t, result.Decisions[i].Disrupts)
	}
}

func TestCorrectDriftAloneIsNotTakenOverWithDiff(t *testing.T) {
	t.Parallel()
	in := rollout.Input{Limited: true, Targets: fleet("2/2/2")}
	newest := content("2", "x")
	newest.Options.CorrectDrift = &v1alpha1.CorrectDrift{Enabled: true}
	in.Targets[0].Computed = newest
	result, err := rollout.Pass(in)
	require.NoError(t, err)
	require.Len(t, result.Decisions, 1)
	require.Equal(t, newest, result.Decisions[0].Staged)
	promoted := result.Decisions[0].Promoted
	require.Nil(t, promoted.Options.CorrectDrift)
	require.NotNil(t, promoted.Options.Diff)
	require.Equal(t, in.Targets[0].PromotedID(), promoted.DeploymentID)
}

// If every agent applies what it should, a roll-out ends with every strategy that allows
// it, and takes nothing back. An unavailable target in a partition that is not reached
// would stop it for ever.
func TestARolloutOfRepeatedPassesEnds(t *testing.T) {
	t.Parallel()
	for _, strategy := range []v1alpha1.RolloutStrategy{
		{MaxUnavailable: number(1)},
		{MaxUnavailable: text("10%"), AutoPartitionThreshold: new(1), AutoPartitionSize: number(7)},
		{MaxUnavailable: text("50%"), MaxNew: new(3), AutoPartitionThreshold: new(1)},
	} {
		words := make([]string, 40)
		for i := range words {
			words[i] = []string{"1/1/1", "1/1/1!", "new", "1/1/0"}[i%4]
		}
		in := rollout.Input{Strategy: &strategy, Limited: true, Targets: fleet(words...)}
		for passes := 0; ; passes++ {
			require.Less(t, passes, 200, "the roll-out ends")
			result, err := rollout.Pass(in)
			require.NoError(t, err)
			for _, d := range result.Decisions {
				target := &in.Targets[d.Target]
				was, _ := versionOf(target.Promoted)
				now, _ := versionOf(d.Promoted)
				require.GreaterOrEqual(t, now, was)
				target.Exists, target.Staged, target.Promoted = true, d.Staged, d.Promoted
			}
			if len(result.Decisions) == 0 {
				break
			}
			for i := range in.Targets {
				if target := &in.Targets[i]; target.Exists {
					target.Applied, target.Ready = target.PromotedID(), true
				}
			}
		}
		for _, target := range in.Targets {
			require.True(t, target.UpToDate())
		}
	}
}

func TestPairsThatFollowFromTheBaseAreMaterialized(t *testing.T) {
	t.Parallel()
	targets := fleet("1/1/1", "1/1/1", "1/1/1", "new", "1/-/-p")
	for i := range targets {
		targets[i].FromBase = true
	}
	targets[1].Recorded = true
	targets[2].Held = false
	require.Equal(t, []string{"0:1/1", "4:1/"}, shown(rollout.Materialize(rollout.Input{Limited: true, HasBase: true, Targets: targets})))
	require.Empty(t, rollout.Materialize(rollout.Input{Limited: true, Targets: fleet("1/1/1")}))
}
