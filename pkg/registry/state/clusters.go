// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/ledger"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// applyClusters adopts changed Clusters, and evaluates what their edits affect.
func (w *work) applyClusters() {
	for c := range w.regroup {
		w.clusters[c.name] = struct{}{}
	}
	for name := range w.clusters {
		old := w.State.clusters[name]
		object := w.object(record.Clusters, name)
		switch {
		case object == nil && old == nil:
		case object == nil:
			w.removeCluster(old)
		case old == nil:
			w.addCluster(name, object)
		case old.object.UID != object.Record.Object.GetUID():
			w.removeCluster(old)
			w.addCluster(name, object)
		default:
			w.editCluster(old, object)
		}
	}
}

func (w *work) addCluster(name record.Name, object *view.Object) {
	c := &cluster{name: name, pairs: map[*bundle]struct{}{}, perCluster: map[*bundle]struct{}{}, roll: w.ledger.AddCluster(name, object.Record.Object.GetUID())}
	w.State.clusters[name] = c
	w.namespace(name.Namespace).clusters[c] = struct{}{}
	w.adopt(c, object)
	for v := range w.flipped(nil, c.appearance()) {
		w.evaluateOn(v.of, c)
	}
}

func (w *work) removeCluster(c *cluster) {
	for b := range c.pairs {
		w.touch(b)
		w.unsettled[claim{b, c}] = struct{}{}
		for _, v := range b.versions() {
			v.set(c, nil, "")
		}
		delete(b.barred, c)
		w.withdraw(claim{b, c})
	}
	w.index.clusters.Delete(c)
	delete(w.namespace(c.name.Namespace).clusters, c)
	delete(w.holds.paused, c)
	w.place(c, c.face.Namespace, "")
	delete(w.State.clusters, c.name)
	w.ledger.RemoveCluster(c.roll)
}

func (w *work) editCluster(c *cluster, object *view.Object) {
	before, face, was, barred := c.appearance(), c.face, c.object, c.barred
	pins := c.pins
	if next, _ := placementOf(object); next != face.Namespace {
		// All its BundleDeployments move: withdraw them under the old name.
		for b := range c.pairs {
			w.touch(b)
			w.withdraw(claim{b, c})
		}
	}
	w.adopt(c, object)
	affected := map[*bundle]struct{}{}
	if ending(c.object) != ending(was) || c.barred != barred {
		maps.Copy(affected, c.pairs)
		for v := range w.flipped(nil, c.appearance()) {
			affected[v.of] = struct{}{}
		}
	}
	for v := range w.flipped(before, c.appearance()) {
		affected[v.of] = struct{}{}
	}
	for b := range w.rereading(c, was, c.object) {
		affected[b] = struct{}{}
	}
	if !maps.EqualFunc(pins, c.pins, (*derive.Content).Equal) {
		maps.Copy(affected, c.perCluster)
	}
	for b := range affected {
		w.evaluateOn(b, c)
	}
	if c.face != face {
		for b := range c.pairs {
			w.touch(b)
			w.settle.add(claim{b, c})
		}
	}
}

// adopt makes a cluster agree with its object.
func (w *work) adopt(c *cluster, object *view.Object) {
	object = w.deriveCluster(object)
	c.object = object.Record.Object.(*v1alpha1.Cluster)
	c.targeting = targeting.Cluster{
		Name:      c.name.Name,
		Namespace: c.name.Namespace,
		Labels:    c.object.Labels,
		Groups:    w.groupsOf(c.name.Namespace, c.object.Labels),
	}
	augmented := targeting.Augment(c.targeting)
	if !maps.Equal(augmented, c.augmented) || c.augmented == nil {
		w.index.clusters.Set(c, augmented)
		c.augmented = augmented
	}
	namespace, barred := placementOf(object)
	c.barred = barred
	w.ledger.Looks(c.roll, ledger.Looks{Targeting: c.targeting, Placed: namespace != "", Barred: barred})
	face := view.NewClusterFace(c.object, namespace, offSchedule(reportOn(object)))
	setMember(w.holds.paused, c, c.object.Spec.Paused)
	if c.face == nil || !equality.Semantic.DeepEqual(face, c.face) {
		was := ""
		if c.face != nil {
			was = c.face.Namespace
		}
		w.place(c, was, face.Namespace)
		c.face = face
	}
	c.pins = nil
	if stored, ok := w.clusterPins[c.name]; ok {
		c.pins = make(map[pinKey]*derive.Content, len(stored.pin.Pins))
		for i := range stored.pin.Pins {
			pin := &stored.pin.Pins[i]
			c.pins[pinKey{pin.BundleUID, pin.Generation}] = derive.Pinned(pin.ManifestID, pin.Options)
		}
	}
}

// deriveCluster puts the derived namespace into the table, if the table lacks it.
func (w *work) deriveCluster(object *view.Object) *view.Object {
	derived := object.Derived
	derived.Namespace, _ = placementOf(object)
	next := object.With(derived, view.VersionAt(w.at))
	if next != object {
		w.builder.Put(record.Clusters, next)
	}
	return next
}

// appearance holds what selectors see of a cluster.
type appearance struct {
	targeting targeting.Cluster
	augmented map[string]string
}

func (c *cluster) appearance() *appearance { return &appearance{c.targeting, c.augmented} }

// flipped iterates over the versions with an entry that may match one appearance of a cluster
// and not the other. nil stands for a cluster that does not exist. It may yield a version
// more than once.
func (s *State) flipped(before, after *appearance) func(func(*version) bool) {
	return func(yield func(*version) bool) {
		if before == nil || after == nil {
			for e := range s.index.entries.Matching(cmp.Or(before, after).augmented) {
				if !yield(e.version) {
					return
				}
			}
			return
		}
		for e := range s.index.entries.Affected(before.augmented, after.augmented) {
			if !yield(e.version) {
				return
			}
		}
		for _, labels := range changedGroups(before.targeting.Groups, after.targeting.Groups) {
			for e := range s.index.groupEntries.Matching(labels) {
				if !yield(e.version) {
					return
				}
			}
		}
	}
}

// changedGroups returns the label sets of the groups in which before and after differ. It
// adds the nil set if one of the two is empty.
func changedGroups(before, after []targeting.Group) []map[string]string {
	var out []map[string]string
	note := func(these, those []targeting.Group) {
		for _, g := range these {
			same := func(o targeting.Group) bool { return o.Name == g.Name && maps.Equal(o.Labels, g.Labels) }
			if !slices.ContainsFunc(those, same) {
				out = append(out, g.Labels)
			}
		}
	}
	note(before, after)
	note(after, before)
	if len(out) > 0 && (len(before) == 0 || len(after) == 0) {
		out = append(out, nil)
	}
	return out
}

// heartbeat reports whether a report on a Cluster changed nothing that others depend on: where
// its BundleDeployments are, and whether it is off schedule.
func heartbeat(was, is *view.Object) bool {
	if was == nil || is == nil {
		return false
	}
	a, b := reportOn(was), reportOn(is)
	return a.Namespace == b.Namespace && offSchedule(a) == offSchedule(b)
}

// reportOn returns what was reported on a Cluster.
func reportOn(o *view.Object) *v1alpha1.ClusterStatus {
	if o.Report == nil {
		return &v1alpha1.ClusterStatus{}
	}
	return &o.Report.Status.(*v1alpha1.Cluster).Status
}

// offSchedule reports whether a Cluster has a schedule that is not active (S 5.2).
func offSchedule(s *v1alpha1.ClusterStatus) bool { return s.Scheduled && !s.ActiveSchedule }

// compare orders clusters by name, then by namespace (S 2.5).
func (c *cluster) compare(o *cluster) int {
	return cmp.Or(cmp.Compare(c.name.Name, o.name.Name), cmp.Compare(c.name.Namespace, o.name.Namespace))
}

// comparePlaces orders clusters by their namespaces for BundleDeployments.
func (c *cluster) comparePlaces(o *cluster) int {
	return cmp.Or(cmp.Compare(c.face.Namespace, o.face.Namespace), c.name.Compare(o.name))
}
