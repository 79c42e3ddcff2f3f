// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// following returns the loop that makes Bundles due, and steps those that are. It wakes at
// every revision: a Bundle waits for the one that its last step committed.
func (r *Rollout) following() *follow.Loop {
	return &follow.Loop{
		Source: r.source, Every: again,
		Whole:   func(*view.View) { r.reset() },
		Changed: func(_ *view.View, revisions []*view.Revision) { r.note(revisions) },
		Then:    r.round,
	}
}

// note makes due the Bundles that some revisions may concern, and no others: where Clusters are
// edited all the time, most edits concern no roll-out.
func (r *Rollout) note(revisions []*view.Revision) {
	touched := map[string]struct{}{}
	changed, targets, paused := map[record.Name]struct{}{}, false, false
	for _, revision := range revisions {
		if everywhere(revision) {
			r.reset()
			return
		}
		for _, change := range revision.Changes(record.BundleDeployments, "", "") {
			touched[change.Name.Name] = struct{}{}
		}
		for _, change := range revision.Changes(record.Bundles, "", "") {
			if !onlyReported(change) {
				changed[change.Name] = struct{}{}
			}
		}
		for _, change := range revision.Changes(record.Clusters, "", "") {
			targets = targets || !onlyReported(change)
			paused = paused || onPaused(change)
		}
	}
	if len(changed) > 0 || paused {
		r.find()
	}
	for name, p := range r.bundles {
		_, edited := changed[name]
		// Another Bundle may have had this BundleDeployment's name before.
		_, shown := touched[name.Name]
		p.due = p.due || edited || shown
		if targets && !p.due {
			p.due = r.source.RolloutGuard(name) != p.guard
		}
	}
}

// reset finds all Bundles that may need a step, and makes them due.
func (r *Rollout) reset() {
	r.find()
	for _, p := range r.bundles {
		p.due = true
	}
}

// find finds all Bundles that may need a step. New ones are due.
func (r *Rollout) find() {
	before := r.bundles
	r.bundles = map[record.Name]*progress{}
	for _, name := range r.source.Rollouts() {
		p, ok := before[name]
		if !ok {
			p = &progress{batch: maxBatch, due: true}
		}
		r.bundles[name] = p
	}
}

// everywhere reports whether a revision may have changed, for any Bundle, which Clusters it
// targets or what is held on them. An edit of one Cluster does not: it writes the guard of
// each held roll-out whose targets or partitions it changes, and if it changes what is shown,
// a BundleDeployment changes.
func everywhere(revision *view.Revision) bool {
	for _, resource := range []string{record.ClusterGroups, record.Mappings, record.Restrictions, record.Policies} {
		if len(revision.Changes(resource, "", "")) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(revision.Changes(record.Clusters, "", ""), moved)
}

// moved reports whether a Cluster was paused or resumed, or got another namespace.
func moved(change *view.Change) bool {
	prev, next, ok := follow.Both(change)
	return ok && (isPaused(prev) != isPaused(next) || namespaceOf(prev) != namespaceOf(next))
}

// onPaused reports whether a change is an edit of a paused Cluster. All Bundles that target the
// Cluster may need a step then.
func onPaused(change *view.Change) bool {
	next, exists := change.Next.(*view.Object)
	return exists && isPaused(next) && !onlyReported(change)
}

func isPaused(o *view.Object) bool {
	c, ok := o.Record.Object.(*v1alpha1.Cluster)
	return ok && c.Spec.Paused
}

// onlyReported reports whether an object's record remained as it was. A Cluster whose namespace
// changed, by a report or derived, does not count: it can have other BundleDeployments now.
func onlyReported(change *view.Change) bool {
	prev, next, ok := follow.Both(change)
	return ok && prev.RecordRevision == next.RecordRevision && namespaceOf(prev) == namespaceOf(next)
}

// namespaceOf returns the namespace of a Cluster; "" for other kinds.
func namespaceOf(o *view.Object) string {
	if o.Report != nil {
		if c, ok := o.Report.Status.(*v1alpha1.Cluster); ok && c.Status.Namespace != "" {
			return c.Status.Namespace
		}
	}
	return o.Derived.Namespace
}
