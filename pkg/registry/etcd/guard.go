// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// etcd accepts about a hundred guards in a transaction. A transaction that depends on more
// records guards ranges of keys instead of single keys: no record below the prefix was
// written after the revision at which the transaction was planned. Such a guard does not
// detect deletions. So a transaction that deletes a record of such a kind also writes the
// removal guard of the kind, which a range guard may compare too. If nothing was written or
// deleted since, each record in the range is unchanged, and each absent record is still
// absent.

// RangeGuard guards the records of one type and resource in one namespace, or in all if
// Namespace is "".
type RangeGuard struct {
	// Type is the type of the records; "" means TypeObject.
	Type                record.Type
	Resource, Namespace string
	Revision            int64
	// Deletions means that no such record may have been deleted after the revision either,
	// in any namespace. Without it, the guard does not detect deletions.
	Deletions bool
}

// Prefix returns the prefix of the keys of the guarded records, below the log's prefix.
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

// removalGuards returns the removal guards that range guards compare, and the revisions
// after which they must not have been written.
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

// Removals returns the removal guards that a transaction writes for the records that it
// deletes.
func (t *Txn) Removals() []record.Key {
	bumps := map[record.Key]struct{}{}
	for _, key := range t.Delete {
		if Ranged(key) {
			bumps[record.RemovalGuardKey(key.Type, key.Resource)] = struct{}{}
		}
	}
	for _, key := range t.Delete {
		delete(bumps, key) // etcd accepts each key once
	}
	return slices.Collect(maps.Keys(bumps))
}

// Ranged reports whether a range guard may replace a guard of a record, because the
// deletion of the record writes a removal guard. That of a report does not: no plan depends
// on a single report, and reports are deleted often.
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

// withRemovals returns the transaction with its removal guards.
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
