// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"maps"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Group is a ClusterGroup that a Cluster is a member of.
type Group struct {
	Name   string
	Labels map[string]string
}

// Cluster is everything that targeting may know about a Cluster.
type Cluster struct {
	Name      string
	Namespace string
	Labels    map[string]string
	// Groups are the candidate groups of S 2.2, in any order: those of the Cluster's own
	// namespace with a selector that is set, valid and matches the Cluster.
	Groups []Group
}

// These are the synthetic keys of augmented labels. No label key contains a NUL.
const (
	// NameKey has the Cluster's metadata.name as its value.
	NameKey = "\x00name"
	// NamespaceKey has the Cluster's namespace as its value.
	NamespaceKey = "\x00namespace"

	groupPrefix = "\x00group/"
)

// GroupKey returns the synthetic key that is present on the members of a group.
func GroupKey(group string) string { return groupPrefix + group }

// Augment returns a Cluster's labels plus its name, its namespace and the names of its
// groups as labels. Filing.Labels selects among these.
func Augment(c Cluster) map[string]string {
	out := make(map[string]string, len(c.Labels)+len(c.Groups)+2)
	maps.Copy(out, c.Labels)
	out[NameKey] = c.Name
	out[NamespaceKey] = c.Namespace
	for i := range c.Groups {
		out[GroupKey(c.Groups[i].Name)] = ""
	}
	return out
}

// named reports whether a clusterName criterion means this Cluster (S 2.1).
func (c *Cluster) named(name string) bool {
	if c.Name == name {
		return true
	}
	display, ok := c.Labels[v1alpha1.LabelClusterDisplayName]
	return ok && display == name
}

// noGroup replaces the groups of a Cluster without any: the entry is tried once, with no
// group name and nil labels (S 2.2).
var noGroup = []Group{{}}

func (c *Cluster) candidates() []Group {
	if len(c.Groups) == 0 {
		return noGroup
	}
	return c.Groups
}
