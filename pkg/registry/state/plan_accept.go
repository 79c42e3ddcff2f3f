// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/musterfleet/muster/pkg/registry/record"
)

// tally notes how the failures of a bundle's versions change with a cluster.
func (t *trial) tally(b *bundle, c *cluster, p *pair, failure string) {
	for _, v := range b.versions() {
		t.tallyVersion(v, c, p, failure)
	}
}

func (t *trial) tallyVersion(v *version, c *cluster, p *pair, failure string) {
	if !v.of.pending() || v != v.of.newest {
		return
	}
	if _, ok := t.deltas[v]; !ok {
		t.deltas[v] = 0
	}
	if c != nil && v.pairs[c] != nil && v.pairs[c].content == nil {
		t.deltas[v]--
	}
	if failure != "" && p.content == nil {
		t.deltas[v]++
	}
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

// acceptBundle removes a bundle's pin. That holds only while all its clusters
// stay what they are; and plans of writes that took the version for a pending one
// do not hold any more.
func (t *trial) acceptBundle(b *bundle, v *version, targets func(*cluster) bool) {
	t.force(b, v, targets)
	t.newVersion()
	t.guardClusters(b)
	key := record.BundlePinKey(b.name)
	t.plan.Unchanged[key] = t.bundlePins[b.name].revision
	t.plan.Delete = append(t.plan.Delete, key)
	t.endPairs(b, func(c *cluster) bool { return !targets(c) })
}

// targets tells which clusters a version targets after the write.
func (t *trial) targets(v *version) func(*cluster) bool {
	return func(c *cluster) bool {
		if targeted, ok := t.targeted[claim{v.of, c}]; ok {
			return targeted
		}
		return v.pairs[c] != nil
	}
}

// stillFails guards that a pending version fails on some cluster that the write
// leaves alone: of two writes that mend one cluster each, the second has to
// accept the version.
func (t *trial) stillFails(v *version) {
	for c, p := range v.pairs {
		if _, moved := t.moved[c]; !moved && p.content == nil {
			t.witness(c)
			return
		}
	}
}

// endPairs notes which of a bundle's BundleDeployments end. What the version in force
// loses goes on where the one that replaces it takes over.
func (t *trial) endPairs(b *bundle, ends func(*cluster) bool) {
	f := t.inForce(b)
	if f == nil {
		return
	}
	for c := range f.pairs {
		setMember(t.ended, claim{b, c}, ends(c))
	}
}
