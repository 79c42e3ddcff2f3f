// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

const (
	// exactGuards is how many guards of single records a plan may have before it guards
	// ranges. The write itself has a few guards too.
	exactGuards = etcd.FewGuards - 16
	// stepBytes is the largest size of one step before a write. A single larger record is
	// allowed.
	stepBytes = 1 << 20
)

// guarded are the guards of a transaction.
type guarded struct {
	unchanged map[record.Key]int64
	since     []etcd.RangeGuard
}

// coarsen replaces guards of single records by guards of the ranges that contain them, if they
// are too many. It starts with the largest ranges. It guards all namespaces together only if
// single namespaces are still too many. The plan then holds less often, but never wrongly: a
// record is unchanged if nothing in its range was written or deleted since the state's
// revision.
func (s *State) coarsen(g guarded) guarded {
	few := func() bool { return len(g.unchanged)+len(g.since) <= s.exactGuards }
	if few() {
		return g
	}
	g.unchanged = maps.Clone(g.unchanged)
	byRange := map[etcd.RangeGuard][]record.Key{}
	for key, at := range g.unchanged {
		// An object that cannot be read is missing from the state, and must not be
		// overwritten.
		if etcd.Ranged(key) && (key.Type != record.TypeObject || at != 0) {
			r := etcd.RangeGuard{Type: key.Type, Resource: key.Resource, Namespace: key.Name.Namespace, Revision: s.revision, Deletions: true}
			byRange[r] = append(byRange[r], key)
		}
	}
	ranges := slices.SortedFunc(maps.Keys(byRange), func(a, b etcd.RangeGuard) int {
		return cmp.Or(cmp.Compare(len(byRange[b]), len(byRange[a])), strings.Compare(a.Prefix(), b.Prefix()))
	})
	for _, r := range ranges {
		if few() {
			return g
		}
		for _, key := range byRange[r] {
			delete(g.unchanged, key)
		}
		g.since = append(slices.Clip(g.since), r)
	}
	if g.since = merged(g.since, false); !few() {
		g.since = merged(g.since, true)
	}
	return g
}

// merged returns one guard for each range. If widen, it returns one for all namespaces.
func merged(guards []etcd.RangeGuard, widen bool) []etcd.RangeGuard {
	out := map[string]etcd.RangeGuard{}
	for _, g := range guards {
		if widen {
			g.Namespace = ""
		}
		if o, ok := out[g.Prefix()]; ok {
			g.Revision, g.Deletions = min(g.Revision, o.Revision), g.Deletions || o.Deletions
		}
		out[g.Prefix()] = g
	}
	return slices.SortedFunc(maps.Values(out), func(a, b etcd.RangeGuard) int { return strings.Compare(a.Prefix(), b.Prefix()) })
}

// early are the records of a plan that may be written before the write, because they change
// nothing until it is committed.
type early struct {
	// promotions repeat what held pairs show already.
	promotions map[record.Key]claim
	// pins are those of Clusters. Pins of a version that works are not read.
	pins map[record.Key]earlyPins
}

type earlyPins struct {
	// all are the pins that the Cluster has and those that it needs.
	all map[pinKey]*derive.Content
	// spare reports that the Cluster already has all pins that it needs.
	spare bool
}

// fit makes a plan fit into one transaction together with its write. If it is too large, a
// part of it becomes a step before the write, and the rest is no plan.
func (t *trial) fit(p Proposal) error {
	excess := func() int { return t.plan.Size() + p.Size - etcd.MaxSize }
	if excess() > 0 {
		for key, pins := range t.early.pins {
			if pins.spare {
				delete(t.plan.Put, key)
				delete(t.early.pins, key)
			}
		}
	}
	if excess() > 0 {
		step, err := t.step(p, excess())
		if err != nil || step == nil {
			return err // no step helps: the write is refused for its size
		}
		t.plan.First = []etcd.Txn{*step}
		return nil
	}
	t.plan.exact = guarded{t.plan.Unchanged, t.plan.UnchangedSince}
	g := t.coarsen(t.plan.exact)
	t.plan.Unchanged, t.plan.UnchangedSince = g.unchanged, g.since
	return nil
}

// step returns the first step of a plan that is too large by excess bytes; nil if the rest
// would still be too large. The step holds while everything from which it was planned does.
func (t *trial) step(p Proposal, excess int) (*etcd.Txn, error) {
	movable := 0
	for key := range t.early.promotions {
		movable += len(t.plan.Put[key]) + etcd.KeySize
	}
	for key := range t.early.pins {
		movable += len(t.plan.Put[key]) + etcd.KeySize
	}
	if movable < excess {
		return nil, nil
	}
	step := &etcd.Txn{Put: map[record.Key][]byte{}}
	g := guarded{map[record.Key]int64{}, nil}
	for _, key := range slices.SortedFunc(maps.Keys(t.early.promotions), compareNames) {
		if step.Size() >= stepBytes {
			break
		}
		c := t.early.promotions[key]
		maps.Copy(g.unchanged, t.rolloutGuards(c.bundle))
		g.unchanged[record.ObjectKey(record.Clusters, c.cluster.name)] = t.object(record.Clusters, c.cluster.name).RecordRevision
		g.unchanged[key] = t.revisionOfPromotion(c.key())
		step.Put[key] = t.plan.Put[key]
	}
	if len(step.Put) == 0 {
		g = guarded{maps.Clone(t.plan.Unchanged), t.plan.UnchangedSince}
		if object := t.object(p.Resource, p.Name); object != nil {
			g.unchanged[record.ObjectKey(p.Resource, p.Name)] = object.RecordRevision
		}
		for _, key := range slices.SortedFunc(maps.Keys(t.early.pins), compareNames) {
			if step.Size() >= stepBytes {
				break
			}
			data, err := encodePins(t.early.pins[key].all)
			if err != nil {
				return nil, err
			}
			step.Put[key] = data
		}
	}
	g = t.coarsen(g)
	step.Unchanged, step.UnchangedSince = g.unchanged, g.since
	return step, nil
}

func compareNames(a, b record.Key) int { return a.Name.Compare(b.Name) }
