// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// S 2.1 to 2.4 once more, without regard to cost.

// entry matches one entry with one cluster and one of its groups; nil is no group.
func (o *oracle) entry(e v1alpha1.ClusterCriteria, c *v1alpha1.Cluster, g *v1alpha1.ClusterGroup) bool {
	if g == nil {
		g = &v1alpha1.ClusterGroup{}
	}
	holds := map[bool]int{}
	if e.ClusterName != "" {
		holds[e.ClusterName == c.Name || e.ClusterName == c.Labels["management.cattle.io/cluster-display-name"]]++
	}
	if e.ClusterGroup != "" {
		holds[e.ClusterGroup == g.Name]++
	}
	if e.ClusterGroupSelector != nil {
		holds[o.selects(e.ClusterGroupSelector, g.Labels)]++
	}
	if e.ClusterSelector != nil {
		holds[o.selects(e.ClusterSelector, c.Labels)]++
	}
	return holds[true] > 0 && holds[false] == 0
}

func (f *facts) resolve(spec *v1alpha1.BundleSpec, c *naiveCluster) (targeting.Match, bool) {
	groups := f.groups(c)
	if len(groups) == 0 {
		groups = []*v1alpha1.ClusterGroup{nil}
	}
	customizations := 0
	if len(spec.TargetRestrictions) > 0 {
		customizations = max(0, len(spec.Targets)-len(spec.TargetRestrictions))
	}
	admitted := func(e v1alpha1.BundleTarget) bool {
		for _, g := range groups {
			allowed := len(spec.TargetRestrictions) == 0
			for _, restriction := range spec.TargetRestrictions {
				allowed = allowed || f.entry(restriction.ClusterCriteria, c.joined, g)
			}
			if allowed && f.entry(e.ClusterCriteria, c.joined, g) {
				return true
			}
		}
		return false
	}
	for i := customizations; i < len(spec.Targets); i++ {
		if !admitted(spec.Targets[i]) {
			continue
		}
		if spec.Targets[i].DoNotDeploy {
			return targeting.Match{}, false
		}
		m := targeting.Match{Target: i}
		for j := range customizations {
			some := false
			for _, g := range groups {
				some = some || f.entry(spec.Targets[j].ClusterCriteria, c.joined, g)
			}
			if !some {
				continue
			}
			if spec.Targets[j].DoNotDeploy {
				return targeting.Match{}, false
			}
			m.Customizations = append(m.Customizations, j)
			if spec.TargetCustomizationMode != "AllMatches" {
				break
			}
		}
		return m, true
	}
	return targeting.Match{}, false
}
