// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/test/replay"
)

// This is the naive twin: S 6.1 to 6.4 implemented once more, over strings, with partitions
// as lists, one after the other. It shares nothing with the package.

type naiveTarget struct {
	exists, paused, ready, deployable    bool
	computed, staged, deployed, applied  string
	computedDiff, stagedDiff, deployDiff string
}

func (t *naiveTarget) unavailable() bool { return t.exists && (t.applied != t.deployed || !t.ready) }

func naiveLimit(count int, values ...*intstr.IntOrString) int {
	if count <= 0 {
		return 1
	}
	for _, v := range values {
		switch {
		case v == nil:
			continue
		case v.Type == intstr.Int && int(v.IntVal) > count:
			return count
		case v.Type == intstr.Int && v.IntVal < 0:
			return 0
		case v.Type == intstr.Int:
			return int(v.IntVal)
		}
		if n, err := strconv.Atoi(v.StrVal); err == nil {
			return n
		}
		p, _ := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
		n := count * p / 100
		if p <= 0 || n == 0 {
			return 1
		}
		return min(n, count)
	}
	return count
}

type naiveResult struct {
	targets                                               []naiveTarget
	created, unavailable, partitionsOver, maxAll, maxOver int
	partitions                                            []string
}

func naivePass(s v1alpha1.RolloutStrategy, limited bool, members [][]int, names []string, before []naiveTarget) naiveResult {
	out := naiveResult{targets: append([]naiveTarget(nil), before...)}
	t := out.targets
	for i := range t {
		if t[i].unavailable() {
			out.unavailable++
		}
	}
	out.maxAll = naiveLimit(len(t), s.MaxUnavailable)
	out.maxOver = naiveLimit(len(members), s.MaxUnavailablePartitions, number(0))
	maxNew := 50
	if s.MaxNew != nil {
		maxNew = *s.MaxNew
	}
	if !limited {
		maxNew = 1 << 30
	}
	counts, limits := make([]int, len(members)), make([]int, len(members))
	for p, ranks := range members {
		var own *intstr.IntOrString
		if len(s.Partitions) > 0 {
			own = s.Partitions[p].MaxUnavailable
		}
		limits[p] = naiveLimit(len(ranks), own, s.MaxUnavailable)
		for _, i := range ranks {
			if t[i].unavailable() {
				counts[p]++
			}
		}
	}
	asked := map[int]bool{}
	for p, ranks := range members {
		for _, i := range ranks {
			if !t[i].exists && !asked[i] && out.created < maxNew {
				out.created++
				asked[i] = true
				t[i].exists = t[i].deployable
			}
			if t[i].exists {
				t[i].staged, t[i].stagedDiff = t[i].computed, t[i].computedDiff
			}
		}
		for _, i := range ranks {
			if !t[i].exists || t[i].paused {
				continue
			}
			if t[i].deployed == t[i].staged {
				t[i].deployDiff = t[i].stagedDiff
			} else if t[i].unavailable() || (out.unavailable < out.maxAll && counts[p] < limits[p]) {
				if !t[i].unavailable() {
					out.unavailable++
					counts[p]++
				}
				t[i].deployed, t[i].deployDiff = t[i].staged, t[i].stagedDiff
			}
		}
		counts[p] = 0
		for _, i := range ranks {
			done := t[i].exists && t[i].ready && t[i].staged == t[i].computed && t[i].deployed == t[i].computed && t[i].applied == t[i].computed
			if !done {
				counts[p]++
			}
		}
		if counts[p] > limits[p] {
			out.partitionsOver++
		}
		if out.partitionsOver > out.maxOver {
			break
		}
	}
	for p := range members {
		out.partitions = append(out.partitions, fmt.Sprintf("%s count=%d max=%d unavailable=%d", names[p], len(members[p]), limits[p], counts[p]))
	}
	return out
}

// content builds contents that differ if their names do: "3/x" is version 3 with a diff
// named x.
func content(version, diff string) *derive.Content {
	if version == "" {
		return nil
	}
	options := v1alpha1.BundleDeploymentOptions{DefaultNamespace: version}
	if diff != "" {
		options.Diff = &v1alpha1.DiffOptions{ComparePatches: []v1alpha1.ComparePatch{{Name: diff}}}
	}
	return derive.Pinned("s-"+version, options)
}

func versionOf(c *derive.Content) (version, diff string) {
	if c == nil || c.DeploymentID == "" {
		return "", ""
	}
	if c.Options.Diff != nil {
		diff = c.Options.Diff.ComparePatches[0].Name
	}
	return c.Options.DefaultNamespace, diff
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomValue(r *rand.Rand) *intstr.IntOrString {
	switch r.IntN(4) {
	case 0:
		return nil
	case 1:
		return number(int32(r.IntN(12) - 1))
	case 2:
		return text(strconv.Itoa(r.IntN(8) + 1))
	default:
		return text(strconv.Itoa(pick(r, 0, 5, 10, 30, 50, 100, 150)) + "%")
	}
}

func randomStrategy(r *rand.Rand) v1alpha1.RolloutStrategy {
	s := v1alpha1.RolloutStrategy{MaxUnavailable: randomValue(r), MaxUnavailablePartitions: randomValue(r), AutoPartitionSize: randomValue(r)}
	if r.IntN(2) == 0 {
		s.MaxNew = new(r.IntN(8) - 1)
	}
	if r.IntN(2) == 0 {
		s.AutoPartitionThreshold = new(r.IntN(20) - 1)
	}
	if r.IntN(3) == 0 {
		for i := range 1 + r.IntN(4) {
			s.Partitions = append(s.Partitions, v1alpha1.Partition{Name: fmt.Sprint("p", i), MaxUnavailable: randomValue(r), ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: pick(r, "", "g0", "g1", "g2")}})
		}
	}
	return s
}

func randomTarget(r *rand.Rand, i int, newest string) (rollout.Target, naiveTarget) {
	at := func() string { return pick(r, "1", "2", newest, newest) }
	n := naiveTarget{exists: r.IntN(4) > 0, paused: r.IntN(6) == 0, ready: r.IntN(3) > 0, deployable: r.IntN(10) > 0, computed: newest, computedDiff: pick(r, "", "x")}
	if n.exists {
		n.deployable = true
		n.staged, n.stagedDiff = at(), pick(r, "", "x")
		n.deployed, n.deployDiff = pick(r, "", at(), at(), n.staged), pick(r, "", "x")
		n.applied = pick(r, "", at(), n.deployed, n.deployed, n.deployed)
		if n.deployed == "" {
			n.deployDiff = ""
		}
	}
	t := rollout.Target{
		Cluster:  targeting.Cluster{Name: fmt.Sprintf("c%03d", i), Namespace: "ns"},
		Held:     true,
		Exists:   n.exists,
		Computed: content(n.computed, n.computedDiff), Staged: content(n.staged, n.stagedDiff), Promoted: content(n.deployed, n.deployDiff),
		Paused: n.paused, Ready: n.ready,
	}
	if n.deployable {
		t.Key = record.Name{Namespace: fmt.Sprint("cluster-", i), Name: "b"}
	}
	if n.exists && n.deployed == "" && r.IntN(2) == 0 {
		t.Promoted = &derive.Content{} // the engine may say it in this way too
	}
	if n.applied != "" {
		t.Applied = content(n.applied, "").DeploymentID
	}
	for g := range 3 {
		if r.IntN(3) == 0 {
			t.Cluster.Groups = append(t.Cluster.Groups, targeting.Group{Name: fmt.Sprint("g", g)})
		}
	}
	return t, n
}

// naiveMembers returns the members of the partitions. The sizes of automatic ones follow
// S 6.2.
func naiveMembers(s v1alpha1.RolloutStrategy, targets []rollout.Target) (members [][]int, names []string) {
	for _, p := range s.Partitions {
		var ranks []int
		for i, t := range targets {
			for _, g := range t.Cluster.Groups {
				if p.ClusterGroup != "" && g.Name == p.ClusterGroup {
					ranks = append(ranks, i)
				}
			}
		}
		members, names = append(members, ranks), append(names, p.Name)
	}
	if len(s.Partitions) > 0 {
		return members, names
	}
	all := s.AutoPartitionSize != nil && s.AutoPartitionSize.Type == intstr.Int && s.AutoPartitionSize.IntVal <= 0
	threshold := 200
	if s.AutoPartitionThreshold != nil {
		threshold = *s.AutoPartitionThreshold
	}
	all = all || threshold <= 0 || len(targets) < threshold
	var ranks []int
	from, size := 0, naiveLimit(len(targets), s.AutoPartitionSize, text("25%"))
	for i := range targets {
		ranks = append(ranks, i)
		if !all && len(ranks) == size {
			members, names = append(members, ranks), append(names, fmt.Sprintf("Partition %d - %d", from, i+1))
			from, ranks = i+1, nil
		}
	}
	if all {
		return [][]int{ranks}, []string{"All"}
	}
	if len(ranks) > 0 || len(targets) == 0 {
		members, names = append(members, ranks), append(names, fmt.Sprintf("Partition %d - %d", from, len(targets)))
	}
	return members, names
}

func TestPassOracle(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	decided, stopped, disrupted := 0, 0, 0
	for range 20_000 {
		strategy := randomStrategy(r)
		in := rollout.Input{Strategy: &strategy, Limited: r.IntN(5) > 0}
		var before []naiveTarget
		for i := range r.IntN(25) {
			target, naive := randomTarget(r, i, "3")
			in.Targets, before = append(in.Targets, target), append(before, naive)
		}
		if len(in.Targets) == 0 && len(strategy.Partitions) == 0 {
			continue // the tables cover it
		}
		members, names := naiveMembers(strategy, in.Targets)
		want := naivePass(strategy, in.Limited, members, names, before)
		got, err := rollout.Pass(in)
		require.NoError(t, err)
		after := append([]naiveTarget(nil), before...)
		for _, d := range got.Decisions {
			n := &after[d.Target]
			require.Equal(t, !n.exists, d.Created)
			was := n.deployed
			if d.Disrupts {
				disrupted++
				require.False(t, n.unavailable())
			}
			wasUnavailable := n.unavailable()
			n.exists = true
			n.staged, n.stagedDiff = versionOf(d.Staged)
			n.deployed, n.deployDiff = versionOf(d.Promoted)
			require.Equal(t, wasUnavailable && was != n.deployed, d.Unavailable, "Unavailable is set if that is why it is promoted")
			decided++
		}
		require.Equal(t, want.targets, after, "strategy %+v", strategy)
		var partitions []string
		for _, p := range got.Partitions {
			partitions = append(partitions, fmt.Sprintf("%s count=%d max=%d unavailable=%d", p.Name, p.Count(), p.MaxUnavailable, p.Unavailable))
			if !p.Reached {
				stopped++
			}
		}
		require.Equal(t, want.partitions, partitions)
		require.Equal(t, []int{want.created, want.unavailable, want.maxAll, want.partitionsOver, want.maxOver},
			[]int{got.NewlyCreated, got.Unavailable, got.MaxUnavailable, got.UnavailablePartitions, got.MaxUnavailablePartitions})
	}
	require.Positive(t, decided)
	require.Positive(t, stopped)
	require.Positive(t, disrupted)
}
