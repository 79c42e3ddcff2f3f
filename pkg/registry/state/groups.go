// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// applyGroups adopts changed ClusterGroups, and notes the clusters that this affects.
func (w *work) applyGroups() {
	for name := range w.groups {
		old := w.State.groups[name]
		if old != nil {
			w.noteMembers(old)
			if old.filed {
				w.index.groups.Remove(old)
			}
			delete(w.State.groups, name)
		}
		object := w.object(record.ClusterGroups, name)
		if object == nil {
			w.ledger.RemoveGroup(name)
			continue
		}
		g := compileGroup(name, object.Record.Object.(*v1alpha1.ClusterGroup))
		w.State.groups[name] = g
		w.ledger.PutGroup(name, g.failure)
		if g.filed {
			w.index.groups.Add(g, g.selector)
			w.noteMembers(g)
		}
	}
}

func (w *work) noteMembers(g *group) {
	if !g.filed {
		return
	}
	for c := range w.index.clusters.Select(g.selector) {
		w.regroup[c] = struct{}{}
	}
}

// compileGroup compiles a ClusterGroup. A group whose selector is missing or malformed is no
// candidate for any cluster (S 2.2).
func compileGroup(name record.Name, object *v1alpha1.ClusterGroup) *group {
	g := &group{name: name, labels: object.Labels}
	if object.Spec.Selector == nil {
		return g
	}
	selector, err := index.Compile(object.Spec.Selector)
	if err != nil {
		g.failure = err.Error()
		return g
	}
	// A group holds clusters of its own namespace only.
	g.selector, g.filed = selector.And(index.In(targeting.NamespaceKey, name.Namespace)), true
	return g
}

// groupsOf returns the candidate groups of a cluster with these labels, ordered by name.
func (s *State) groupsOf(namespace string, labels map[string]string) []targeting.Group {
	with := maps.Clone(labels)
	if with == nil {
		with = map[string]string{}
	}
	with[targeting.NamespaceKey] = namespace
	var out []targeting.Group
	candidates := s.index.groups.Matching(with)
	if s.exhaustive {
		candidates = s.selecting(with)
	}
	for g := range candidates {
		out = append(out, targeting.Group{Name: g.name.Name, Labels: g.labels})
	}
	slices.SortFunc(out, func(a, b targeting.Group) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// selecting returns what the index would answer, without using the index.
func (s *State) selecting(labels map[string]string) iter.Seq[*group] {
	return func(yield func(*group) bool) {
		for _, g := range s.groups {
			if g.filed && g.selector.Matches(labels) && !yield(g) {
				return
			}
		}
	}
}
