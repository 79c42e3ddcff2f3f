// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// applyRules adopts the mappings, restrictions and policies of the namespaces in which some
// changed.
func (w *work) applyRules() {
	for name := range w.rules {
		ns := w.namespace(name)
		for b := range ns.bundles {
			w.touch(b) // policies decide what may come into force
		}
		ns.mappings = map[string]*mapping{}
		for object := range objects[*v1alpha1.BundleNamespaceMapping](w.builder, record.Mappings, name) {
			ns.mappings[object.Name] = compileMapping(object)
		}
		restrictions := slices.Collect(objects[*v1alpha1.GitRepoRestriction](w.builder, record.Restrictions, name))
		policies := slices.Collect(objects[*v1alpha1.Policy](w.builder, record.Policies, name))
		ns.policy = rules.NewPolicySet(policies)
		ns.repos = rules.NewRepoRules(restrictions, policies)
		for repo := range objects[*v1alpha1.GitRepo](w.builder, record.GitRepos, name) {
			w.ledger.Recheck(record.Name{Namespace: name, Name: repo.Name})
		}
		ofAnything := &rules.Injected{NoNamespaceCreation: ns.policy.NoNamespaceCreation()}
		ofGitRepo := &rules.Injected{
			NoNamespaceCreation:            ofAnything.NoNamespaceCreation,
			AllowedTargetNamespaceSelector: rules.MergeRestrictions(restrictions),
		}
		ns.ofAnything = keep(ns.ofAnything, ofAnything)
		ns.ofGitRepo = keep(ns.ofGitRepo, ofGitRepo)
		for b := range ns.bundles {
			b.mappings = ns.mappingsOf(b.newest.bundle.Labels)
			w.rescope[b] = struct{}{}
		}
	}
}

// objects iterates over the objects of one namespace, in order.
func objects[T record.APIObject](b *view.Builder, resource, namespace string) func(func(T) bool) {
	return func(yield func(T) bool) {
		for item := range b.All(resource, record.Name{Namespace: namespace}) {
			if item.Name().Namespace != namespace || !yield(item.(*view.Object).Record.Object.(T)) {
				return
			}
		}
	}
}

// keep returns the old value if it equals the new one, because contents are memoised by its
// address.
func keep(old, next *rules.Injected) *rules.Injected {
	if equality.Semantic.DeepEqual(old, next) {
		return old
	}
	return next
}

func compileMapping(m *v1alpha1.BundleNamespaceMapping) *mapping {
	if m.BundleSelector == nil || m.NamespaceSelector == nil {
		return &mapping{inert: true}
	}
	bundles, err := index.Compile(m.BundleSelector)
	if err != nil {
		return &mapping{inert: true}
	}
	namespaces, err := index.Compile(m.NamespaceSelector)
	if err != nil {
		return &mapping{inert: true}
	}
	return &mapping{bundles: bundles, namespaces: namespaces}
}

// mappingsOf returns the namespace selectors that a namespace's mappings give to a bundle
// with these labels.
func (ns *namespace) mappingsOf(labels map[string]string) []index.Selector {
	var out []index.Selector
	for _, name := range slices.Sorted(maps.Keys(ns.mappings)) {
		if m := ns.mappings[name]; !m.inert && m.bundles.Matches(labels) {
			out = append(out, m.namespaces)
		}
	}
	return out
}
