// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// namespace makes the log hold the labels of a Namespace.
func (m *Mirror) namespace(ctx context.Context, name string) error {
	labels := m.outside.labels(name)
	if labels[v1alpha1.LabelManaged] == "true" {
		v, err := m.Engine.Current()
		if err != nil {
			return err
		}
		if !holdsClusters(v, name) {
			labels = nil
		}
	}
	plan, err := m.Engine.PlanNamespace(name, labels)
	return m.commit(ctx, plan, err)
}

func holdsClusters(v *view.View, namespace string) bool {
	for item := range v.All(record.Clusters, record.Name{Namespace: namespace}) {
		return item.Name().Namespace == namespace
	}
	return false
}

// values makes the log hold the content of a Bundle's values Secret, and drops other values
// that no version of the Bundle needs.
func (m *Mirror) values(ctx context.Context, name record.Name) error {
	v, err := m.Engine.Current()
	if err != nil {
		return err
	}
	current := ""
	if data, ok := m.outside.values(name); ok && wantsValues(v.Get(record.Bundles, name)) {
		current = record.ValuesHash(data)
		plan, err := m.Engine.PlanValues(name, data)
		if err := m.commit(ctx, plan, err); err != nil {
			return err
		}
	}
	known, err := m.Engine.ValuesOf(name)
	if err != nil {
		return err
	}
	for hash, needed := range known {
		if needed || hash == current {
			continue
		}
		plan, err := m.Engine.PlanDropValues(name, hash)
		if err := m.commit(ctx, plan, err); err != nil {
			return err
		}
	}
	return nil
}

func wantsValues(item view.Item) bool {
	object, ok := item.(*view.Object)
	return ok && object.Record.Object.(*v1alpha1.Bundle).Spec.ValuesHash != ""
}

// sameVersions reports whether a change of a Bundle left its versions as they were, as agents'
// reports do all the time. The end of a failure does not: the version that worked before is not
// needed any more.
func sameVersions(change *view.Change) bool {
	prev, next, ok := follow.Both(change)
	return ok && prev.RecordRevision == next.RecordRevision && prev.Derived.Failure == next.Derived.Failure
}

// concerned returns the mirror that a change of a Bundle or a Cluster concerns; false if it
// concerns none.
func concerned(resource string, change *view.Change) (key, bool) {
	switch resource {
	case record.Bundles:
		if !sameVersions(change) && slices.ContainsFunc([]view.Item{change.Prev, change.Next}, wantsValues) {
			return key{record.Secrets, change.Name}, true
		}
	case record.Clusters:
		if change.Prev == nil || change.Next == nil {
			return key{record.Namespaces, record.Name{Name: change.Name.Namespace}}, true
		}
	}
	return key{}, false
}
