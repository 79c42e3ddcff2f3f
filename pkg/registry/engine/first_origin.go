// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// gather enters BundleDeployments into the roll-ups of the GitRepos and HelmOps that
// they come of, as movedOrigin does.
func (f *first) gather() {
	of := map[originKey][]int{}
	for _, i := range f.byNamespace() {
		if v := f.inForce(f.bundles[i]); v != nil {
			if key := originOf(v.face.Bundle.Namespace, v.face.Bundle.Labels); key.resource != "" {
				of[key] = append(of[key], i)
			}
		}
	}
	keys := slices.Collect(maps.Keys(of))
	origins := make([]*origin, len(keys))
	for i, key := range keys {
		origins[i] = f.origin(key)
		f.rolled.origins[key] = struct{}{}
	}
	each(len(keys), func(i int) { f.gatherInto(origins[i], of[keys[i]]) })
}

// gatherInto enters the BundleDeployments of some bundles, by namespace, then name,
// into an origin that nothing is known of.
func (f *first) gatherInto(o *origin, bundles []int) {
	var shown []*view.BundleDeployment
	on := map[int32]*presence{}
	sums := map[int32]summary.Weight{}
	for _, i := range bundles {
		for _, at := range f.onto[i] {
			if at.shown == nil {
				continue
			}
			shown = append(shown, at.shown)
			p := on[at.cluster]
			if p == nil {
				p = &presence{cluster: at.shown.Cluster.Cluster}
				on[at.cluster] = p
			}
			weight := weighStored(at.shown)
			p.shown++
			p.ready += weight.Ready
			if weight.Resources != (v1alpha1.ResourceCounts{}) {
				sum := sums[at.cluster]
				sum.Add(summary.Weight{Resources: weight.Resources})
				sums[at.cluster] = sum
			}
			if tells(at.shown) {
				o.reported.ReplaceOrInsert(at.shown)
			}
		}
	}
	o.shown.Fill(shown)
	for _, i := range slices.SortedFunc(maps.Keys(on), func(a, b int32) int {
		return compareClusters(on[a].cluster, on[b].cluster)
	}) {
		p := *on[i]
		if sum, ok := sums[i]; ok {
			p.resources = &sum.Resources
		}
		if p.whole() {
			o.ready++
		}
		o.clusters.ReplaceOrInsert(p)
	}
}
