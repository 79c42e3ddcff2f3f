// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/musterfleet/muster/pkg/registry/record"

// tally notes how a cluster changes the failures of a pending version. It ignores others.
func (t *trial) tally(v *version, c *cluster, p *pair, failure string) {
	if !v.of.pending() || v != v.of.newest {
		return
	}
	delta := t.deltas[v] // an entry of 0 matters too
	if c != nil && v.pairs[c] != nil && v.pairs[c].content == nil {
		delta--
	}
	if failure != "" && p.content == nil {
		delta++
	}
	t.deltas[v] = delta
}

// accept removes the pins of pending versions that work after the write.
func (t *trial) accept() {
	for v, delta := range t.deltas {
		switch {
		case v.broken != "" || t.gate(v) != "":
		case v.unpinned+delta == 0:
			t.acceptBundle(v.of, v, t.targets(v))
		case delta < 0:
			t.stillFails(v)
		}
	}
}

// acceptBundle removes a bundle's pin. The plan holds only while all clusters in scope are
// unchanged. It invalidates plans that took the version for a pending one.
func (t *trial) acceptBundle(b *bundle, v *version, targets func(*cluster) bool) {
	t.holding.forced[b] = coming{v, targets}
	t.newVersion()
	t.guardClusters(b)
	key := record.BundlePinKey(b.name)
	t.plan.Unchanged[key] = t.bundlePins[b.name].revision
	t.plan.Delete = append(t.plan.Delete, key)
	t.endPairs(b, func(c *cluster) bool { return !targets(c) })
}

// targets returns a function that reports whether a version targets a cluster after the
// write.
func (t *trial) targets(v *version) func(*cluster) bool {
	return func(c *cluster) bool {
		if targeted, ok := t.targeted[claim{v.of, c}]; ok {
			return targeted
		}
		return v.pairs[c] != nil
	}
}

// stillFails makes the plan hold only while a pending version fails on some cluster that the
// write leaves alone. Of two writes that mend one cluster each, the second must accept the
// version.
func (t *trial) stillFails(v *version) {
	for c, p := range v.pairs {
		if _, moved := t.moved[c]; !moved && p.content == nil {
			t.witness(c)
			return
		}
	}
}

// endPairs notes which of a bundle's BundleDeployments end.
func (t *trial) endPairs(b *bundle, ends func(*cluster) bool) {
	f := t.inForce(b)
	if f == nil {
		return
	}
	for c := range f.pairs {
		setMember(t.ended, claim{b, c}, ends(c))
	}
}
