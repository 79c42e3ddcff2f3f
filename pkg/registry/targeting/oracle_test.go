// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/test/replay"
)

// This is the naive twin: S 2.1 to 2.4 implemented once more, line by line, with
// apimachinery's selectors and regardless of cost.

func naiveSelects(t *testing.T, s *metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	return selector.Matches(labels.Set(set))
}

func naiveEntry(t *testing.T, e criteria, c Cluster, group string, groupLabels map[string]string) bool {
	met := 0
	if e.ClusterName != "" {
		met++
		if e.ClusterName != c.Name && e.ClusterName != c.Labels["management.cattle.io/cluster-display-name"] {
			return false
		}
	}
	if e.ClusterGroup != "" {
		met++
		if e.ClusterGroup != group {
			return false
		}
	}
	if e.ClusterGroupSelector != nil {
		met++
		if !naiveSelects(t, e.ClusterGroupSelector, groupLabels) {
			return false
		}
	}
	if e.ClusterSelector != nil {
		met++
		if !naiveSelects(t, e.ClusterSelector, c.Labels) {
			return false
		}
	}
	return met > 0
}

func naiveGroups(c Cluster) map[string]map[string]string {
	if len(c.Groups) == 0 {
		return map[string]map[string]string{"": nil}
	}
	out := map[string]map[string]string{}
	for _, g := range c.Groups {
		out[g.Name] = g.Labels
	}
	return out
}

func naiveAnyGroup(t *testing.T, e criteria, c Cluster) bool {
	for name, set := range naiveGroups(c) {
		if naiveEntry(t, e, c, name, set) {
			return true
		}
	}
	return false
}

func naiveRestricted(t *testing.T, spec *v1alpha1.BundleSpec, e criteria, c Cluster) bool {
	if len(spec.TargetRestrictions) == 0 {
		return naiveAnyGroup(t, e, c)
	}
	for name, set := range naiveGroups(c) {
		for _, in := range spec.TargetRestrictions {
			if naiveEntry(t, in.ClusterCriteria, c, name, set) && naiveEntry(t, e, c, name, set) {
				return true
			}
		}
	}
	return false
}

func naiveResolve(t *testing.T, spec *v1alpha1.BundleSpec, c Cluster) (Match, bool) {
	n := 0
	if len(spec.TargetRestrictions) > 0 {
		n = len(spec.Targets) - len(spec.TargetRestrictions)
	}
	for i, plain := range spec.Targets {
		if i < n || !naiveRestricted(t, spec, plain.ClusterCriteria, c) {
			continue
		}
		if plain.DoNotDeploy {
			return Match{}, false
		}
		m := Match{Target: i}
		for j := 0; j < n; j++ {
			if !naiveAnyGroup(t, spec.Targets[j].ClusterCriteria, c) {
				continue
			}
			if spec.Targets[j].DoNotDeploy {
				return Match{}, false
			}
			m.Customizations = append(m.Customizations, j)
			if spec.TargetCustomizationMode != "AllMatches" {
				break
			}
		}
		return m, true
	}
	return Match{}, false
}

func TestResolveOracle(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	targeted, customized := 0, 0
	for range 10_000 {
		spec := randomSpec(r)
		compiled, err := Compile(spec)
		require.NoError(t, err)
		for range 5 {
			c := randomCluster(r)
			want, wantOK := naiveResolve(t, spec, c)
			got, ok := compiled.Resolve(c)
			if ok != wantOK || got.Key() != want.Key() {
				require.Fail(t, "wrong answer", "got %v %v, want %v %v, cluster %+v, spec %+v", got, ok, want, wantOK, c, spec)
			}
			require.Equal(t, want, got)
			if ok {
				targeted++
				customized += len(got.Customizations)
			}
		}
	}
	require.Greater(t, targeted, 5000, "the test no longer targets")
	require.Greater(t, customized, 500, "the test no longer customizes")
}

func TestEntryOracle(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 20_000 {
		in, c := randomCriteria(r), randomCluster(r)
		e, err := CompileEntry("spec.targets.clusters[0]", in)
		require.NoError(t, err)
		require.Equal(t, naiveAnyGroup(t, in, c), e.Matches(c), "%+v on %+v", in, c)
	}
}

// noticed reports whether an engine that relies on the filings would look at the Bundle
// again: the promise of the package comment, as the engine uses it.
func noticed(t *testing.T, filings iter.Seq[Filing], before, after Cluster) bool {
	clusters, groups := index.NewSelectors[[2]int](), index.NewSelectors[int]()
	for f := range filings {
		for i, s := range f.Labels {
			clusters.Add([2]int{f.Entry, i}, s)
		}
		if f.GroupLabels != nil {
			groups.Add(f.Entry, *f.GroupLabels)
		}
	}
	for range clusters.Affected(Augment(before), Augment(after)) {
		return true
	}
	matches := func(set map[string]string) bool {
		for range groups.Matching(set) {
			return true
		}
		return false
	}
	if (len(before.Groups) == 0) != (len(after.Groups) == 0) && matches(nil) {
		return true
	}
	was, is := naiveGroups(before), naiveGroups(after)
	delete(was, "")
	delete(is, "")
	for name, set := range was {
		now, still := is[name]
		if (!still || !labels.Equals(set, now)) && (matches(set) || still && matches(now)) {
			return true
		}
	}
	for name, set := range is {
		if _, had := was[name]; !had && matches(set) {
			return true
		}
	}
	return false
}

// TestFilingsAreSound checks that an engine that looks only where the filings point misses
// no change of an answer.
func TestFilingsAreSound(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	changed, quiet := 0, 0
	for range 30_000 {
		spec := randomSpec(r)
		compiled, err := Compile(spec)
		require.NoError(t, err)
		before := randomCluster(r)
		after := edited(r, before)
		was, wasOK := compiled.Resolve(before)
		is, isOK := compiled.Resolve(after)
		saw := noticed(t, compiled.Filings(), before, after)
		if wasOK != isOK || was.Key() != is.Key() {
			changed++
			if !saw {
				require.Fail(t, "missed", "%v %v became %v %v, spec %+v, cluster %+v -> %+v", was, wasOK, is, isOK, spec, before, after)
			}
		} else if !saw {
			quiet++
		}
	}
	require.Greater(t, changed, 1000, "the test no longer changes answers")
	require.Greater(t, quiet, 1000, "the filings notice everything, so they are useless")
}

// TestFilingsReachEveryMatch checks that the filings also find every Bundle that can target
// a Cluster.
func TestFilingsReachEveryMatch(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 20_000 {
		in, c := randomCriteria(r), randomCluster(r)
		compiled, err := Compile(&v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{target(in, false)}})
		require.NoError(t, err)
		reached := false
		for f := range compiled.Filings() {
			for _, s := range f.Labels {
				reached = reached || s.Matches(Augment(c))
			}
		}
		if naiveAnyGroup(t, in, c) {
			require.True(t, reached, "%+v matches %+v unseen", in, c)
		}
		if in.ClusterGroupSelector == nil {
			require.Equal(t, naiveAnyGroup(t, in, c), reached, "without a clusterGroupSelector the filing is exact")
		}
	}
}
