// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// A planned write may let a pair claim a BundleDeployment name that another pair holds and
// keeps. If the pair would otherwise take the name, the write records the holder. It does no
// harm to note a claim that never arises, or that existed before: the holder has the name
// either way.
//
// A write that brings claims must know the claims that other writes bring at the same time:
//
//	names guard    of a Bundle name; compared and written by each write of a Bundle that
//	               may claim more, if Bundles can claim the same name at all
//	versions guard written if another Bundle with the name exists; label edits,
//	               mappings and groups compare it
//	clusters since if another Bundle with the name exists: a label edit may have
//	               brought its claim
//
// A fleet pays for none of this if it has no mappings and each Cluster has a namespace of its
// own.

// maxHolders is how many holder records one write carries. If it needs more, all are written
// before it: they name pairs that hold the names anyway.
const maxHolders = 2000

// contestable reports whether two pairs could claim one name.
func (t *trial) contestable() bool {
	for range t.builder.All(record.Mappings, record.Name{}) {
		return true
	}
	return t.holds.crowded > 0
}

// shares reports whether other pairs could claim names that a Bundle claims.
func (t *trial) shares(name record.Name) bool {
	return t.holds.crowded > 0 || slices.ContainsFunc(t.holds.named[name.Name], func(o *bundle) bool { return o.name != name })
}

// guardName makes the plan of a Bundle's write hold only while no other write lets Bundles
// with its name claim more. It makes the plans of such writes fail in turn.
func (t *trial) guardName(name string) {
	if !t.contestable() {
		return
	}
	key := record.NamesGuardKey(name)
	t.guardTargeting()
	t.plan.Unchanged[key] = t.guards[key]
	t.plan.Put[key] = []byte("{}")
}

// claims notes that a Bundle claims a name on a Cluster after the write.
func (t *trial) claims(b *v1alpha1.Bundle, c *v1alpha1.Cluster, namespace string) {
	key := record.Name{Namespace: namespace, Name: b.Name}
	have := t.deployment(key)
	if have == nil || have.Bundle.Bundle.UID == b.UID && have.Cluster.Cluster.UID == c.UID {
		return
	}
	t.contests[key] = append(t.contests[key], claimant{b, c})
}

// claimsOf notes the claims of a version that comes into force.
func (t *trial) claimsOf(v *version, targets func(*cluster) bool) {
	if !t.shares(v.of.name) {
		return
	}
	t.newVersion()
	t.guardClusters(v.of)
	for _, c := range t.clusters {
		if targets(c) {
			t.claims(v.bundle, c.object, c.face.Namespace)
		}
	}
}

// claimsIn notes the claims of a bundle that gets the scope of another one.
func (t *trial) claimsIn(b, again *bundle) {
	f := t.inForce(b)
	if f == nil || !t.shares(b.name) {
		return
	}
	t.newVersion()
	t.guardClusters(again)
	v := t.compile(again, f.record)
	for c := range t.candidates(v) {
		if p, _ := t.evaluate(v, c.subject()); p != nil && p.content != nil {
			t.claims(b.newest.bundle, c.object, c.face.Namespace)
		}
	}
}

// arrives notes the claims of a cluster that enters a namespace, or moves there. It makes the
// plan hold only while the other clusters in the namespace are unchanged.
func (t *trial) arrives(old *cluster, object *v1alpha1.Cluster, namespace string) {
	const witnesses = 8
	others := slices.DeleteFunc(slices.Clone(t.holds.placed[namespace]), func(c *cluster) bool { return c == old })
	if len(others) > witnesses {
		t.guardNamespace("")
		others = nil
	}
	for _, c := range others {
		t.witness(c)
	}
	if old == nil || old.face.Namespace == namespace {
		return
	}
	for b := range old.pairs {
		if v := t.inForce(b); v != nil && v.contentOn(old) != nil {
			t.claims(b.newest.bundle, object, namespace)
		}
	}
}

// recordHolders plans the holder records of names that become contested. It deletes the
// records whose holders end.
func (t *trial) recordHolders() error {
	for _, n := range t.holding.forced {
		t.claimsOf(n.version, n.targets)
	}
	holders := map[record.Key]record.Holder{}
	for key, claimants := range t.contests {
		have := t.deployment(key)
		holder := claim{t.bundleOf(have), t.clusterOf(have)}
		if holder.bundle == nil || holder.cluster == nil {
			continue
		}
		recorded, uid := t.recordedHolder(key), holder.uid()
		if _, ends := t.ended[holder]; ends || recorded == uid {
			continue
		}
		takes := func(c claimant) bool { return c.uid() == recorded || c.older(holder.claimant()) }
		if slices.ContainsFunc(claimants, takes) {
			holders[record.HolderKey(key)] = record.Holder{UID: uid}
		}
	}
	for c := range t.ended {
		key := record.HolderKey(c.key())
		if _, replaced := holders[key]; replaced {
			continue
		}
		if recorded := t.recordedHolder(key.Name); recorded != "" && recorded == c.uid() {
			t.plan.Delete = append(t.plan.Delete, key)
		}
	}
	if len(holders) > maxHolders {
		return t.holderSteps(holders)
	}
	for key, holder := range holders {
		if err := t.put(key, holder); err != nil {
			return err
		}
	}
	return nil
}

// holderSteps plans steps before the write that record holders.
func (t *trial) holderSteps(holders map[record.Key]record.Holder) error {
	keys := slices.SortedFunc(maps.Keys(holders), compareNames)
	write := t.plan
	defer func() { t.plan = write }()
	for chunk := range slices.Chunk(keys, maxHolders) {
		t.plan = &Plan{Unchanged: map[record.Key]int64{}, Put: map[record.Key][]byte{}}
		t.guardTargeting()
		t.guardVersions()
		t.guardNamespace("")
		for _, key := range chunk {
			if err := t.put(key, holders[key]); err != nil {
				return err
			}
		}
		write.First = append(write.First, etcd.Txn{Unchanged: t.plan.Unchanged, UnchangedSince: t.plan.UnchangedSince, Put: t.plan.Put})
	}
	return nil
}
