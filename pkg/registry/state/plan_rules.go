// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// group plans a write of a ClusterGroup. The appearance of every cluster that enters or
// leaves the group changes.
func (t *trial) group(p Proposal) error {
	t.widens()
	var next *group
	if p.Object != nil {
		next = compileGroup(p.Name, p.Object.Object.(*v1alpha1.ClusterGroup))
	}
	members := map[*cluster]struct{}{}
	for _, g := range []*group{t.groups[p.Name], next} {
		if g != nil && g.filed {
			for c := range t.index.clusters.Select(g.selector) {
				members[c] = struct{}{}
			}
		}
	}
	for c := range members {
		groups := slices.DeleteFunc(slices.Clone(c.targeting.Groups), func(g targeting.Group) bool { return g.Name == p.Name.Name })
		if next != nil && next.filed && next.selector.Matches(c.augmented) {
			groups = append(groups, targeting.Group{Name: p.Name.Name, Labels: next.labels})
		}
		if err := t.move(c.name, c, c.object, targetingOf(c.name, c.object, groups)); err != nil {
			return err
		}
	}
	t.guardNamespace(p.Name.Namespace) // this includes clusters that are no members yet
	t.accept()
	return nil
}

// mapping plans a write of a BundleNamespaceMapping.
func (t *trial) mapping(p Proposal) {
	t.widens()
	ns := &namespace{mappings: maps.Clone(t.peek(p.Name.Namespace).mappings)}
	delete(ns.mappings, p.Name.Name)
	if p.Object != nil {
		if ns.mappings == nil {
			ns.mappings = map[string]*mapping{}
		}
		ns.mappings[p.Name.Name] = compileMapping(p.Object.Object.(*v1alpha1.BundleNamespaceMapping))
	}
	for b := range t.peek(p.Name.Namespace).bundles {
		t.rescoped(b, ns.mappingsOf(b.newest.bundle.Labels))
	}
}

// policy plans a write of a Policy, which may let a pending version pass.
func (t *trial) policy(p Proposal) {
	t.widens()
	var policies []*v1alpha1.Policy
	for policy := range objects[*v1alpha1.Policy](t.builder, record.Policies, p.Name.Namespace) {
		if policy.Name != p.Name.Name {
			policies = append(policies, policy)
		}
	}
	if p.Object != nil {
		policies = append(policies, p.Object.Object.(*v1alpha1.Policy))
	}
	set := rules.NewPolicySet(policies)
	for b := range t.peek(p.Name.Namespace).bundles {
		if set.NoNamespaceCreation() != t.peek(p.Name.Namespace).policy.NoNamespaceCreation() {
			t.keepAll(b)
		}
		switch {
		case !b.pending() || b.newest.broken != "" || b.newest.waits != "" || set.Gate(&b.newest.bundle.Spec) != "":
		case b.newest.unpinned == 0:
			t.acceptBundle(b, b.newest, t.targets(b.newest))
		default:
			t.stillFails(b.newest)
		}
	}
}

// restriction plans a write of a GitRepoRestriction, which changes options.
func (t *trial) restriction(p Proposal) {
	t.widens()
	for b := range t.peek(p.Name.Namespace).bundles {
		t.keepAll(b)
	}
}

// targetingOf returns what selectors would see of a cluster.
func targetingOf(name record.Name, object *v1alpha1.Cluster, groups []targeting.Group) *appearance {
	c := targeting.Cluster{Name: name.Name, Namespace: name.Namespace, Labels: object.Labels, Groups: groups}
	return &appearance{c, targeting.Augment(c)}
}
