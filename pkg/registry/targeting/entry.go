// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/index"
)

// Entry is one compiled entry. The zero Entry has no criteria and matches nothing.
type Entry struct {
	name          string
	selector      *index.Selector
	group         string
	groupSelector *index.Selector
}

// CompileEntry compiles an entry. An error names the field, below path, and the fix.
func CompileEntry(path string, in v1alpha1.ClusterCriteria) (Entry, error) {
	selector, err := compile(path+".clusterSelector", in.ClusterSelector)
	if err != nil {
		return Entry{}, err
	}
	groupSelector, err := compile(path+".clusterGroupSelector", in.ClusterGroupSelector)
	if err != nil {
		return Entry{}, err
	}
	return Entry{name: in.ClusterName, selector: selector, group: in.ClusterGroup, groupSelector: groupSelector}, nil
}

// compile distinguishes nil, which is no criterion, from {}, which is a criterion that is
// always met.
func compile(path string, in *metav1.LabelSelector) (*index.Selector, error) {
	if in == nil {
		return nil, nil
	}
	out, err := index.Compile(in)
	if err != nil {
		return nil, fmt.Errorf("%s.%w", path, err)
	}
	return &out, nil
}

// Matches reports whether one group of the Cluster, or having no group, satisfies all
// criteria (S 2.1, 2.2).
func (e *Entry) Matches(c Cluster) bool {
	return e.matches(&c, c.candidates())
}

func (e *Entry) matches(c *Cluster, groups []Group) bool {
	return e.matchesCluster(c) && slices.ContainsFunc(groups, e.matchesGroup)
}

func (e *Entry) hasCriteria() bool {
	return e.name != "" || e.selector != nil || e.group != "" || e.groupSelector != nil
}

// matchesCluster checks the criteria that do not depend on the group.
func (e *Entry) matchesCluster(c *Cluster) bool {
	return e.hasCriteria() &&
		(e.name == "" || c.named(e.name)) &&
		(e.selector == nil || e.selector.Matches(c.Labels))
}

// matchesGroup checks the criteria that depend on the group.
func (e *Entry) matchesGroup(g Group) bool {
	return (e.group == "" || e.group == g.Name) &&
		(e.groupSelector == nil || e.groupSelector.Matches(g.Labels))
}

// labels returns the selectors of augmented labels under which to file the entry. If the
// entry matches a Cluster, one of them does too.
func (e *Entry) labels() []index.Selector {
	var base index.Selector
	if e.selector != nil {
		base = *e.selector
	}
	if e.group != "" {
		base = base.And(index.Exists(GroupKey(e.group)))
	}
	if e.name == "" {
		return []index.Selector{base}
	}
	return []index.Selector{
		base.And(index.In(NameKey, e.name)),
		base.And(index.In(v1alpha1.LabelClusterDisplayName, e.name)),
	}
}
