// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Ledger keeps the roll-ups of one state. Only the goroutine that writes the state may use
// it. Methods that say so may run in parallel.
type Ledger struct {
	builder *view.Builder
	allowed func(*v1alpha1.GitRepo) bool // see New

	bundles  map[record.Name]*Bundle
	clusters map[record.Name]*Cluster
	groups   map[record.Name]*group
	sources  map[sourceKey]*Source
	objects  *objectLists
	changed  changed
}

// changed holds the objects whose roll-ups the current revision may change.
type changed struct {
	bundles map[*Bundle]struct{}
	// repartitioned are the Clusters that may belong to other partitions.
	repartitioned map[*Cluster]struct{}
	clusters      map[*Cluster]struct{}
	groups        map[record.Name]struct{}
	sources       map[sourceKey]struct{}
	// written are the GitRepos and HelmOps that were written.
	written map[sourceKey]struct{}
}

func newChanged() changed {
	return changed{
		bundles:       map[*Bundle]struct{}{},
		repartitioned: map[*Cluster]struct{}{},
		clusters:      map[*Cluster]struct{}{},
		groups:        map[record.Name]struct{}{},
		sources:       map[sourceKey]struct{}{},
		written:       map[sourceKey]struct{}{},
	}
}

// New returns an empty ledger. It reads objects from the builder and puts derived
// statuses there. allowed reports whether a namespace's rules allow what a GitRepo says.
func New(builder *view.Builder, allowed func(*v1alpha1.GitRepo) bool) *Ledger {
	return &Ledger{
		builder:  builder,
		allowed:  allowed,
		bundles:  map[record.Name]*Bundle{},
		clusters: map[record.Name]*Cluster{},
		groups:   map[record.Name]*group{},
		sources:  map[sourceKey]*Source{},
		objects:  newObjectLists(),
		changed:  newChanged(),
	}
}

// Empty reports whether nothing is rolled up.
func (l *Ledger) Empty() bool {
	return len(l.bundles)+len(l.clusters)+len(l.groups)+len(l.sources) == 0
}

// Listings returns how many times the objects of a BundleDeployment were listed for a
// status. It is safe for concurrent use.
func (l *Ledger) Listings() int64 { return l.objects.looked.Load() }

// Moved moves a BundleDeployment from its former roll-ups to its current ones. One of the two
// may be nil. It costs O(log n) in the members of its Cluster and its source.
func (l *Ledger) Moved(prev, next *view.BundleDeployment) {
	was, is := l.clusterOf(prev), l.clusterOf(next)
	if was != nil && was != is {
		was.shown.Delete(prev)
		l.changed.clusters[was] = struct{}{}
	}
	if is != nil {
		is.shown.Put(next)
		l.changed.clusters[is] = struct{}{}
	}
	l.movedSource(prev, next)
}

// Close brings the derived statuses of all objects up to date with what was reported since
// the last Close. It puts those that changed into the builder at a version. Lower objects
// come first.
func (l *Ledger) Close(at view.Version) {
	for c := range l.changed.repartitioned {
		l.repartition(c)
	}
	for b := range l.changed.bundles {
		l.closeBundle(b, at)
	}
	for key := range l.changed.written {
		l.noteSource(key)
	}
	for c := range l.changed.clusters {
		if l.clusters[c.name] != c {
			l.regroup(c, nil, nil) // before another Cluster with its name takes its places
		}
	}
	for c := range l.changed.clusters {
		l.closeCluster(c, at)
	}
	for name := range l.changed.groups {
		l.closeGroup(name, at)
	}
	for key := range l.changed.sources {
		l.closeSource(key, at)
	}
	l.changed = newChanged()
}
