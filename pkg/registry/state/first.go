// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/ledger"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// first is the first revision of a state. It matches all Bundles with all Clusters, on all
// processors. The tables are still empty, so nothing has to be looked up, and trees are filled
// in order instead of grown. That costs some microseconds for each pair, a third of what an
// edit costs.
//
//	for each Bundle      match     the Clusters that it targets, and what it means there
//	for each Cluster     show      its BundleDeployments, in the order of their names
//	once                 fill      the table of BundleDeployments
//	for each Bundle      enroll    its pairs in its roll-up
//	for each source      gather    the BundleDeployments of its Bundles
//
// Names that several pairs may claim are left to settleClaim, which runs after that.
type first struct {
	*work
	// bundles are in the order of their BundleDeployments in a namespace.
	bundles []*bundle
	// clusters are in the order of their namespaces for BundleDeployments.
	clusters []*cluster
	// ranks are the positions of the clusters in the order of their names.
	ranks []int32
	// pairs are the pairs of each cluster, in the order of bundles.
	pairs [][]firstPair
	// onto are the pairs of each bundle, without the clusters that are left to settleClaim.
	onto [][]onto
}

// firstPair is a bundle that targets a given cluster.
type firstPair struct {
	bundle int32
	// own reports whether the content depends on more of the cluster than the match, or
	// fails.
	own bool
	// shown is nil if the pair has no BundleDeployment.
	shown *view.BundleDeployment
}

// onto is a cluster that a given bundle targets.
type onto struct {
	cluster int32
	shown   *view.BundleDeployment
}

// begins reports whether the next revision is the first: the state is empty, and no change to
// it is published.
func (s *State) begins() bool { return s.builder.Unloaded() && len(s.bundles) == 0 }

// match evaluates all bundles on the clusters that they select.
func (w *work) match() *first {
	f := &first{
		work:     w,
		bundles:  slices.SortedFunc(maps.Keys(w.rescope), (*bundle).compare),
		clusters: slices.SortedFunc(maps.Values(w.State.clusters), (*cluster).comparePlaces),
	}
	places := make(map[*cluster]int32, len(f.clusters))
	for i, c := range f.clusters {
		places[c] = int32(i)
	}
	found, evaluated := make([][]firstPair, len(f.bundles)), make([]int, len(f.bundles))
	parallel(len(f.bundles), func(i int) { found[i], evaluated[i] = f.matchOne(f.bundles[i], places) })
	f.pairs = f.byCluster(found)
	for _, n := range evaluated {
		w.evaluated += n
	}
	parallel(len(f.clusters), func(i int) {
		c := f.clusters[i]
		c.pairs = make(map[*bundle]struct{}, len(f.pairs[i]))
		for _, p := range f.pairs[i] {
			c.pairs[f.bundles[p.bundle]] = struct{}{}
			if p.own {
				c.perCluster[f.bundles[p.bundle]] = struct{}{}
			}
		}
	})
	return f
}

// matchOne evaluates one bundle, and writes only to that bundle. The pairs that it returns
// hold the number of the cluster in the place of the bundle's.
func (f *first) matchOne(b *bundle, places map[*cluster]int32) (found []firstPair, evaluated int) {
	candidates := f.selected(b)
	for _, v := range b.versions() {
		v.pairs = make(map[*cluster]*pair, len(candidates))
	}
	found = make([]firstPair, 0, len(candidates))
	for _, c := range candidates {
		if targeted, own := f.meet(b, c); targeted {
			found = append(found, firstPair{bundle: places[c], own: own})
		}
	}
	return found, len(candidates)
}

// selected returns the clusters that some version of a bundle selects.
func (s *State) selected(b *bundle) []*cluster {
	var out []*cluster
	seen := map[*cluster]struct{}{}
	versions := b.versions()
	once := len(versions) == 1 && versions[0].selectors() == 1
	for _, v := range versions {
		for c := range s.candidates(v) {
			if !once {
				if _, again := seen[c]; again {
					continue
				}
				seen[c] = struct{}{}
			}
			out = append(out, c)
		}
	}
	return out
}

// selectors counts the selectors that a version is filed under.
func (v *version) selectors() int {
	n := 0
	if v.targets != nil {
		for filing := range v.targets.Filings() {
			n += len(filing.Labels)
		}
	}
	return n
}

// byCluster turns pairs by bundle into pairs by cluster.
func (f *first) byCluster(found [][]firstPair) [][]firstPair {
	sizes, all := make([]int, len(f.clusters)), 0
	for _, pairs := range found {
		for _, p := range pairs {
			sizes[p.bundle]++
		}
		all += len(pairs)
	}
	out, room := make([][]firstPair, len(f.clusters)), make([]firstPair, all)
	for i, n := range sizes {
		out[i], room = room[:0:n], room[n:]
	}
	for i, pairs := range found {
		for _, p := range pairs {
			out[p.bundle] = append(out[p.bundle], firstPair{bundle: int32(i), own: p.own})
		}
		found[i] = nil
	}
	return out
}

// show makes the BundleDeployments of each cluster.
func (f *first) show() {
	left := make([]bool, len(f.clusters))
	parallel(len(f.clusters), func(i int) {
		if left[i] = f.contests(i); left[i] {
			return
		}
		c := f.clusters[i]
		shown := make([]*view.BundleDeployment, 0, len(f.pairs[i]))
		for j := range f.pairs[i] {
			p := &f.pairs[i][j]
			if p.shown = f.wanted(claim{f.bundles[p.bundle], c}, nil); p.shown != nil {
				shown = append(shown, p.shown)
			}
		}
		c.roll.Fill(shown)
	})
	sizes := make([]int, len(f.bundles))
	for i, pairs := range f.pairs {
		for _, p := range pairs {
			if left[i] {
				f.settle.add(claim{f.bundles[p.bundle], f.clusters[i]})
			} else {
				sizes[p.bundle]++
			}
		}
		if left[i] {
			f.pairs[i] = nil
		}
	}
	f.onto = make([][]onto, len(f.bundles))
	for i, n := range sizes {
		f.onto[i] = make([]onto, 0, n)
	}
	for i, pairs := range f.pairs {
		for _, p := range pairs {
			f.onto[p.bundle] = append(f.onto[p.bundle], onto{int32(i), p.shown})
		}
	}
}

// contests reports whether several pairs may claim one name on a cluster: another cluster
// shares its namespace, or Bundles in several namespaces share a name.
func (f *first) contests(i int) bool {
	namespace := f.clusters[i].face.Namespace
	if i > 0 && f.clusters[i-1].face.Namespace == namespace || i+1 < len(f.clusters) && f.clusters[i+1].face.Namespace == namespace {
		return true
	}
	for j := 1; j < len(f.pairs[i]); j++ {
		if f.bundles[f.pairs[i][j-1].bundle].name.Name == f.bundles[f.pairs[i][j].bundle].name.Name {
			return true
		}
	}
	return false
}

// fill enters the BundleDeployments into the table.
func (f *first) fill() {
	var byName []*view.BundleDeployment
	for _, pairs := range f.pairs {
		for _, p := range pairs {
			if p.shown != nil {
				byName = append(byName, p.shown)
				f.hidden.moved(nil, p.shown)
			}
		}
	}
	byBundle := make([]*view.BundleDeployment, 0, len(byName))
	for _, i := range f.byNamespace() {
		for _, o := range f.onto[i] {
			if o.shown != nil {
				byBundle = append(byBundle, o.shown)
			}
		}
	}
	f.builder.Fill(byName, byBundle)
	f.pairs = nil
}

// byNamespace returns the numbers of the bundles, ordered by namespace, then name.
func (f *first) byNamespace() []int {
	out := make([]int, len(f.bundles))
	for i := range out {
		out[i] = i
	}
	slices.SortFunc(out, func(a, b int) int { return f.bundles[a].name.Compare(f.bundles[b].name) })
	return out
}

// rank finds the positions of the clusters in the order of their names.
func (f *first) rank() {
	order := make([]int32, len(f.clusters))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return f.clusters[a].compare(f.clusters[b]) })
	f.ranks = make([]int32, len(order))
	for rank, i := range order {
		f.ranks[i] = int32(rank)
	}
}

// enroll enters pairs into the roll-ups of their Bundles, as enterPair does. It leaves onto
// in the order of the Clusters' names.
func (f *first) enroll() {
	f.rank()
	parallel(len(f.bundles), func(i int) {
		b, v := f.bundles[i], f.inForce(f.bundles[i])
		if v == nil {
			return
		}
		slices.SortFunc(f.onto[i], func(a, b onto) int { return cmp.Compare(f.ranks[a.cluster], f.ranks[b.cluster]) })
		members := make([]ledger.Member, 0, len(f.onto[i]))
		for _, o := range f.onto[i] {
			c := f.clusters[o.cluster]
			if p := v.pairs[c]; p != nil {
				members = append(members, ledger.Member{Cluster: c.roll, Wanted: p.content, Shown: o.shown})
			}
		}
		b.roll.Fill(v.bundle, members)
	})
	for _, b := range f.bundles {
		f.ledger.Filled(b.roll)
	}
}

// gather enters BundleDeployments into the roll-ups of their sources.
func (f *first) gather() {
	var order []int
	var faces []*v1alpha1.Bundle
	for _, i := range f.byNamespace() {
		if v := f.inForce(f.bundles[i]); v != nil {
			order, faces = append(order, i), append(faces, v.face.Bundle)
		}
	}
	of := f.ledger.Sources(faces)
	sources := slices.Collect(maps.Keys(of))
	parallel(len(sources), func(i int) {
		sources[i].Fill(func(yield func(*view.BundleDeployment) bool) {
			for _, n := range of[sources[i]] {
				for _, at := range f.onto[order[n]] {
					if at.shown != nil && !yield(at.shown) {
						return
					}
				}
			}
		})
	})
}
