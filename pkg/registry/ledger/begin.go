// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"iter"
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// The first revision of a state enters all BundleDeployments at once. Trees are filled in
// order instead of grown.

// Fill enters all BundleDeployments of a Cluster, in the order of their Bundles' names.
// Nothing may have been entered before. It may run in parallel for different Clusters.
func (c *Cluster) Fill(shown []*view.BundleDeployment) { c.shown.Fill(shown) }

// Fill enters all pairs of the version in force, in the order of the Clusters' names. inForce
// is nil if no version is in force. Nothing may have been entered before. It may run in
// parallel for different Bundles. Filled must follow.
func (b *Bundle) Fill(inForce *v1alpha1.Bundle, members []Member) {
	b.cut(inForce)
	b.members.Fill(members)
}

// Filled completes what Fill has begun.
func (l *Ledger) Filled(b *Bundle) {
	l.changed.bundles[b] = struct{}{}
	if len(b.partitions) > 0 {
		for m := range b.members.Each(0, allRanks) {
			b.enterPartitions(m)
		}
	}
}

// Sources returns the sources of the Bundles, by their labels. Each comes with the indexes of
// its Bundles in the slice. Bundles without a source are left out.
func (l *Ledger) Sources(bundles []*v1alpha1.Bundle) map[*Source][]int {
	out := map[*Source][]int{}
	for i, b := range bundles {
		if key := sourceOf(b.Namespace, b.Labels); key.resource != "" {
			o := l.source(key)
			out[o] = append(out[o], i)
			l.changed.sources[key] = struct{}{}
		}
	}
	return out
}

// Fill enters the BundleDeployments of a source, in the order of their Bundles' names, then
// their Clusters' names. Nothing may have been entered before. It may run in parallel for
// different sources.
func (o *Source) Fill(deployments iter.Seq[*view.BundleDeployment]) {
	var shown []*view.BundleDeployment
	on := map[*v1alpha1.Cluster]*presence{}
	sums := map[*v1alpha1.Cluster]summary.Weight{}
	for d := range deployments {
		shown = append(shown, d)
		cluster := d.Cluster.Cluster
		p := on[cluster]
		if p == nil {
			p = &presence{cluster: cluster}
			on[cluster] = p
		}
		weight := weighStored(d)
		p.shown++
		p.ready += weight.Ready
		if weight.Resources != (v1alpha1.ResourceCounts{}) {
			sum := sums[cluster]
			sum.Add(summary.Weight{Resources: weight.Resources})
			sums[cluster] = sum
		}
		if listsObjects(d) {
			o.reported.ReplaceOrInsert(d)
		}
	}
	o.shown.Fill(shown)
	for _, cluster := range slices.SortedFunc(maps.Keys(on), compareClusters) {
		p := *on[cluster]
		if sum, ok := sums[cluster]; ok {
			p.resources = &sum.Resources
		}
		if p.whole() {
			o.ready++
		}
		o.clusters.ReplaceOrInsert(p)
	}
}
