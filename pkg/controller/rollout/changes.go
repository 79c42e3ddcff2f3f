// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// note makes due what the revisions since the last time may have changed.
func (r *Rollout) note(v *view.View) {
	everything := r.seen == 0
	touched := map[record.Name]struct{}{}
	if !everything {
		revisions, err := v.Since(r.seen)
		everything = err != nil // the history does not reach back that far
		for _, revision := range revisions {
			everything = everything || reaching(revision)
			for _, change := range revision.Changes(record.BundleDeployments, "", "") {
				for _, item := range []view.Item{change.Prev, change.Next} {
					if pair, ok := item.(*view.BundleDeployment); ok && pair != nil {
						b := pair.Bundle.Bundle
						touched[record.Name{Namespace: b.Namespace, Name: b.Name}] = struct{}{}
					}
				}
			}
		}
	}
	if everything {
		r.reset()
	}
	for name := range touched {
		if p, ok := r.bundles[name]; ok {
			p.due = true
		}
	}
	r.seen = v.Revision
}

// reset finds out anew which Bundles there are, and makes all of them due.
func (r *Rollout) reset() {
	before := r.bundles
	r.bundles = map[record.Name]*progress{}
	for _, name := range r.source.Rollouts() {
		p, ok := before[name]
		if !ok {
			p = &progress{batch: maxBatch}
		}
		p.due = true
		r.bundles[name] = p
	}
}

// reaching tells whether a revision can have changed which Bundles there are to look
// at, or which Clusters they target: anything but reports can.
func reaching(revision *view.Revision) bool {
	for _, resource := range []string{record.Bundles, record.Clusters} {
		for _, change := range revision.Changes(resource, "", "") {
			if !onlyReported(change) {
				return true
			}
		}
	}
	for _, resource := range []string{record.ClusterGroups, record.Mappings, record.Restrictions, record.Policies} {
		if len(revision.Changes(resource, "", "")) > 0 {
			return true
		}
	}
	return false
}

// onlyReported tells whether an object's record stayed as it was. A namespace that
// a Cluster gets, by a report or derived, makes room for BundleDeployments.
func onlyReported(change *view.Change) bool {
	prev, wasThere := change.Prev.(*view.Object)
	next, isThere := change.Next.(*view.Object)
	return wasThere && isThere && prev != nil && next != nil &&
		prev.RecordRevision == next.RecordRevision && namespaceOf(prev) == namespaceOf(next)
}

// namespaceOf is a Cluster's namespace, "" also for other kinds.
func namespaceOf(o *view.Object) string {
	if o.Report != nil {
		if c, ok := o.Report.Status.(*v1alpha1.Cluster); ok && c.Status.Namespace != "" {
			return c.Status.Namespace
		}
	}
	return o.Derived.Namespace
}
