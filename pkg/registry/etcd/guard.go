// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// etcd takes some hundred guards in a transaction. One that rests on more records guards
// ranges of keys instead of each key: no record below the prefix was written after the
// revision that it was planned at. etcd does not see a deletion in such a guard. So
// every transaction that deletes a record of a kind that is guarded in this way writes
// the removal guard of the kind too, and a range guard may compare that as well.
// "Nothing was written since, and nothing deleted" implies of each record in the range
// that it is what it was, and of each that was absent that it still is.

// RangeGuard guards the records of one type and resource in one namespace, or with
// namespace "" in all.
type RangeGuard struct {
	// Type is of the records, TypeObject if it is empty.
	Type                record.Type
	Resource, Namespace string
	Revision            int64
	// Deletions says that none of them may have been deleted after the revision either,
	// in any namespace. Without it, a deletion is not seen.
	Deletions bool
}

// Prefix is what the keys of the guarded records begin with, below the log's prefix.
func (g RangeGuard) Prefix() string {
	prefix := string(g.of()) + "/" + g.Resource + "/"
	if g.Namespace != "" {
		prefix += g.Namespace + "/"
	}
	return prefix
}

func (g RangeGuard) of() record.Type {
	if g.Type == "" {
		return record.TypeObject
	}
	return g.Type
}

// removalGuards are the removal guards that range guards compare, and the revisions that
// they must not have been written after.
func removalGuards(guards []RangeGuard) map[record.Key]int64 {
	out := map[record.Key]int64{}
	for _, g := range guards {
		if !g.Deletions {
			continue
		}
		key := record.RemovalGuardKey(g.of(), g.Resource)
		if at, ok := out[key]; !ok || g.Revision < at {
			out[key] = g.Revision
		}
	}
	return out
}

// Removals are the removal guards that a transaction writes for what it deletes.
func (t *Txn) Removals() []record.Key {
	bumps := map[record.Key]struct{}{}
	for _, key := range t.Delete {
		if Ranged(key) {
			bumps[record.RemovalGuardKey(key.Type, key.Resource)] = struct{}{}
		}
	}
	for _, key := range t.Delete {
		delete(bumps, key) // etcd takes a key once
	}
	return slices.Collect(maps.Keys(bumps))
}

// Ranged reports whether a range guard may stand for a guard of a record, because its
// deletion writes a removal guard. Reports are not among them: nothing is planned by a
// single report, and there are many deletions of them.
func Ranged(key record.Key) bool {
	switch key.Type {
	case record.TypePin, record.TypePromotion, record.TypeRollout, record.TypeMirror:
		return true
	case record.TypeObject:
		return key.Resource == record.Bundles || key.Resource == record.Clusters
	case record.TypeGuard:
		return key == record.RolloutGuardKey(key.Name)
	}
	return false
}

// withRemovals is a transaction with the removal guards that it writes.
func withRemovals(txn *Txn) *Txn {
	bumps := txn.Removals()
	if len(bumps) == 0 {
		return txn
	}
	out := *txn
	out.Put = maps.Clone(txn.Put)
	if out.Put == nil {
		out.Put = map[record.Key][]byte{}
	}
	for _, key := range bumps {
		out.Put[key] = []byte("{}")
	}
	return &out
}
