// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"

	"github.com/google/btree"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

var _ view.Details = (*details)(nil)

// details are the parts of a source's status that grow with its BundleDeployments, at one
// revision. The trees share common parts with those of other revisions.
type details struct {
	clusters *btree.BTreeG[presence]
	reported *btree.BTreeG[*view.BundleDeployment]
	objects  *objectLists
}

const (
	// few and fewObjects bound a look at all deployed objects, which finds out that a change
	// below does not show: few is the number of BundleDeployments and Clusters, and
	// fewObjects the work (reports.Digest).
	few, fewObjects = 32, 512
	// many is the number of BundleDeployments beyond which a list takes much memory.
	many = 1000
)

// small reports whether a look at all deployed objects is cheap.
func (d *details) small() bool {
	if max(d.reported.Len(), d.clusters.Len()) > few {
		return false
	}
	work := 0
	d.reported.Ascend(func(bd *view.BundleDeployment) bool {
		work += bd.Report.Digest().Work
		return true
	})
	return work <= fewObjects
}

// Same implements view.Details. Only a look at all deployed objects can find that the source
// shows no change. If that is too much work, Same reports a change.
func (d *details) Same(other view.Details) bool {
	o, ok := other.(*details)
	if !ok || d == o {
		return ok
	}
	if !d.small() || !o.small() {
		return false
	}
	var a, b v1alpha1.StatusBase
	d.Fill(&a)
	o.Fill(&b)
	return equality.Semantic.DeepEqual(a, b)
}

// Exact reports whether Same of these details finds that a change does not show. The details
// of a GitRepo with many objects below it always count as changed.
func Exact(d view.Details) bool { return d.(*details).small() }

// Fill implements view.Details. Few readers at a time make a long list, because of the memory
// that it takes.
func (d *details) Fill(status *v1alpha1.StatusBase) {
	if d.reported.Len() > many {
		d.objects.large <- struct{}{}
		defer func() { <-d.objects.large }()
	}
	status.Resources, status.PerClusterResourceCounts = nil, nil
	room := summary.Room(status)
	counts, room, clusters := summary.PerCluster(func(yield func(string, *v1alpha1.ResourceCounts) bool) {
		d.clusters.Ascend(func(p presence) bool { return yield(p.cluster.Namespace+"/"+p.cluster.Name, p.resources) })
	}, room)
	objects, left := summary.Resources(func(yield func(summary.Deployed) bool) {
		d.reported.Ascend(func(bd *view.BundleDeployment) bool { return yield(d.objects.deployed(bd)) })
	}, room)
	status.Resources, status.PerClusterResourceCounts = objects, counts
	left.Clusters = clusters
	left.Over(status)
}

func (l *objectLists) deployed(d *view.BundleDeployment) summary.Deployed {
	l.looked.Add(1)
	out := summary.Deployed{Cluster: d.Cluster.Cluster.Namespace + "/" + d.Cluster.Cluster.Name, State: stored(d).State()}
	if d.Report != nil {
		out.Status, out.Unlisted = l.of(d.Report), d.Report.Digest().Unlisted
	}
	return out
}

// movedSource moves a BundleDeployment from its former source to its current one. One of the
// two may be nil.
func (l *Ledger) movedSource(prev, next *view.BundleDeployment) {
	was, is := sourceOfDeployment(prev), sourceOfDeployment(next)
	if was == is && prev != nil && next != nil && sameCluster(prev, next) {
		if was.resource != "" {
			l.restored(is, prev, next)
		}
		return
	}
	if was.resource != "" {
		l.restored(was, prev, nil)
	}
	if is.resource != "" {
		l.restored(is, nil, next)
	}
}

func sameCluster(a, b *view.BundleDeployment) bool {
	return a.Cluster.Cluster.UID == b.Cluster.Cluster.UID && compareClusters(a.Cluster.Cluster, b.Cluster.Cluster) == 0 &&
		compareBundles(a.Bundle.Bundle, b.Bundle.Bundle) == 0
}

// restored replaces a BundleDeployment of a source by its next state. One of the two may be
// nil.
func (l *Ledger) restored(key sourceKey, prev, next *view.BundleDeployment) {
	o := l.source(key)
	l.changed.sources[key] = struct{}{}
	var change presence
	var before, after summary.Weight
	if prev != nil {
		before = weighStored(prev)
		change = presence{cluster: prev.Cluster.Cluster, shown: -1, ready: -before.Ready}
	}
	if next != nil {
		after = weighStored(next)
		change = presence{cluster: next.Cluster.Cluster, shown: change.shown + 1, ready: change.ready + after.Ready}
	}
	if !sameObjects(prev, next) {
		o.details = nil
	}
	if next == nil {
		o.shown.Delete(prev)
	} else {
		o.shown.Put(next)
	}
	if next != nil && listsObjects(next) {
		o.reported.ReplaceOrInsert(next)
	} else {
		o.reported.Delete(cmp.Or(next, prev))
	}
	l.addPresence(key, o, change, before.Resources, after.Resources)
}

// addPresence adds a change to the presence of a source on one Cluster.
func (l *Ledger) addPresence(key sourceKey, o *Source, change presence, before, after v1alpha1.ResourceCounts) {
	was, _ := o.clusters.Get(change)
	is := presence{cluster: change.cluster, shown: was.shown + change.shown, ready: was.ready + change.ready, resources: was.resources}
	if before != after {
		var sum summary.Weight
		if was.resources != nil {
			sum.Resources = *was.resources
		}
		sum.Sub(summary.Weight{Resources: before})
		sum.Add(summary.Weight{Resources: after})
		is.resources = nil
		if sum.Resources != (v1alpha1.ResourceCounts{}) {
			is.resources = &sum.Resources
		}
		o.details = nil
	}
	if (was.shown > 0) != (is.shown > 0) {
		o.details = nil
	}
	if was.whole() {
		o.ready--
	}
	if is.whole() {
		o.ready++
	}
	if is.shown == 0 {
		o.clusters.Delete(is)
	} else {
		o.clusters.ReplaceOrInsert(is)
	}
	if o.exists {
		l.count(key, presence{cluster: is.cluster, shown: was.shown, ready: was.ready}, -1)
		l.count(key, is, 1)
	}
}

// whole reports whether all BundleDeployments on the Cluster are Ready.
func (p presence) whole() bool { return p.shown > 0 && p.shown == p.ready }

// listsObjects reports whether a BundleDeployment adds to the deployed objects.
func listsObjects(d *view.BundleDeployment) bool {
	if d.Report == nil {
		return false
	}
	digest := d.Report.Digest()
	return digest.TellsOfObjects()
}

// sameObjects reports whether two states of a BundleDeployment are known to add the same
// to the deployed objects.
func sameObjects(prev, next *view.BundleDeployment) bool {
	before, after := prev != nil && listsObjects(prev), next != nil && listsObjects(next)
	if !before || !after {
		return before == after
	}
	return stored(prev).State() == stored(next).State() && prev.Report.Digest().Objects == next.Report.Digest().Objects
}
