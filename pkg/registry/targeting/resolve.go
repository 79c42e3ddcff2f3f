// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"encoding/binary"
	"slices"
)

// Match says how a Bundle version targets a Cluster. The numbers are indexes in
// spec.targets.
type Match struct {
	// Target is the plain target that applies.
	Target int
	// Customizations are those that apply, in order. FirstMatch allows at most one, and its
	// options replace those of Target. AllMatches merges them onto those of Target (S 2.4).
	Customizations []int
}

// Key identifies a Match within one Targets: equal keys mean equal options before
// templating.
type Key struct {
	target         int
	customizations string
}

// Key returns the comparable form of the Match.
func (m Match) Key() Key {
	if len(m.Customizations) == 0 {
		return Key{target: m.Target}
	}
	encoded := make([]byte, 0, 2*len(m.Customizations))
	for _, c := range m.Customizations {
		encoded = binary.AppendUvarint(encoded, uint64(c))
	}
	return Key{target: m.Target, customizations: string(encoded)}
}

// Resolve returns how the Cluster is targeted, false if it is not (S 2.4).
func (t *Targets) Resolve(c Cluster) (Match, bool) {
	target := t.firstTarget(&c)
	if target < 0 || t.doNotDeploy[target] {
		return Match{}, false
	}
	m := Match{Target: target}
	// Restrictions say where targets may go, not what is customized there, so here all
	// groups count again.
	groups := c.candidates()
	for i := range t.targets()[:t.plain] {
		if !t.entries[i].matches(&c, groups) {
			continue
		}
		if t.doNotDeploy[i] {
			return Match{}, false
		}
		m.Customizations = append(m.Customizations, i)
		if !t.allMatches {
			break
		}
	}
	return m, true
}

// firstTarget returns the first plain target that matches through a group that a
// restriction matches too, or -1.
func (t *Targets) firstTarget(c *Cluster) int {
	groups := t.admitted(c)
	if len(groups) == 0 {
		return -1
	}
	for i := t.plain; i < len(t.targets()); i++ {
		if t.entries[i].matches(c, groups) {
			return i
		}
	}
	return -1
}

// admitted returns the groups with which some restriction matches. A target has to match
// with one of these. So a restriction on one group and a target on another never combine,
// whatever groups the Cluster is in (S 2.2).
func (t *Targets) admitted(c *Cluster) []Group {
	groups, restrictions := c.candidates(), t.restrictions()
	if len(restrictions) == 0 {
		return groups
	}
	admits := make([]bool, len(groups))
	for i := range restrictions {
		e := &restrictions[i]
		if !e.matchesCluster(c) {
			continue
		}
		for g := range groups {
			admits[g] = admits[g] || e.matchesGroup(groups[g])
		}
	}
	if !slices.Contains(admits, false) {
		return groups
	}
	var out []Group
	for g := range groups {
		if admits[g] {
			out = append(out, groups[g])
		}
	}
	return out
}
