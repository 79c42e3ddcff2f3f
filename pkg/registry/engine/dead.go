// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// DeadRecord is a record that rules nothing, at a revision.
type DeadRecord struct {
	Key      record.Key
	Revision int64
}

// deadPiece is how many records are looked at while the state is locked.
const deadPiece = 1000

// Dead calls each with the records that rule nothing, a piece at a time, and with
// the revision of the state that says so; it ends early if each returns false. It
// costs O(records), and holds revisions up for a piece at a time.
//
// Dead are reports and promotions of BundleDeployments that no Bundle version wants
// any more, holder records of names that are not contested any more, and pins, rollout records and guards of roll-outs of Bundles and Clusters
// that are not there, or not as when they were recorded. A label edit can bring a
// promotion back to life, so they are to be removed only if nothing was written since
// that revision that changes what is targeted. What cannot be decoded is left for a
// person to look at.
func (e *Engine) Dead(each func(dead []DeadRecord, revision int64) bool) error {
	var keys []record.Key
	_, err := e.look(func(s *state) { keys = s.mortal() })
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(keys, deadPiece) {
		var dead []DeadRecord
		revision, err := e.look(func(s *state) {
			for _, key := range piece {
				if at, ok := s.dead(key); ok {
					dead = append(dead, DeadRecord{key, at})
				}
			}
		})
		if err != nil {
			return err
		}
		if len(dead) > 0 && !each(dead, revision) {
			return nil
		}
	}
	return nil
}

// StillDead are those of some records that rule nothing at present.
func (e *Engine) StillDead(keys []record.Key) (dead []DeadRecord, revision int64, err error) {
	revision, err = e.look(func(s *state) {
		for _, key := range keys {
			if at, ok := s.dead(key); ok {
				dead = append(dead, DeadRecord{key, at})
			}
		}
	})
	return dead, revision, err
}

// look calls read with the state, and returns its revision.
func (e *Engine) look(read func(*state)) (revision int64, err error) {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return 0, ErrNotReady
	}
	read(e.state.state)
	return e.state.revision, nil
}

// mortal are the records that may be dead.
func (s *state) mortal() []record.Key {
	keys := make([]record.Key, 0, len(s.hidden.byName)+len(s.holds.promotions)+len(s.holds.rollouts)+len(s.bundlePins)+len(s.clusterPins))
	for name := range s.hidden.byName {
		keys = append(keys, record.ReportKey(record.BundleDeployments, name))
	}
	for name := range s.holds.promotions {
		keys = append(keys, record.PromotionKey(name))
	}
	for name := range s.holds.rollouts {
		keys = append(keys, record.RolloutKey(name))
	}
	for name := range s.holders {
		keys = append(keys, record.HolderKey(name))
	}
	for name := range s.bundlePins {
		keys = append(keys, record.BundlePinKey(name))
	}
	for name := range s.clusterPins {
		keys = append(keys, record.ClusterPinsKey(name))
	}
	for key := range s.guards {
		if key == record.RolloutGuardKey(key.Name) || key == record.NamesGuardKey(key.Name.Name) {
			keys = append(keys, key)
		}
	}
	return keys
}

// dead tells whether a record is there and rules nothing, and its revision.
func (s *state) dead(key record.Key) (revision int64, dead bool) {
	name := key.Name
	b := s.bundles[name]
	switch key {
	case record.ReportKey(record.BundleDeployments, name):
		if r := s.hidden.byName[name]; r != nil { // what is shown is alive
			return r.Revision, !s.claimedBy(name, func(c claim) bool { return r.On(c.identity()) })
		}
	case record.PromotionKey(name):
		if p := s.holds.promotions[name]; p != nil {
			return p.revision, !p.unread && p.uid != "" && !s.claimedBy(name, func(c claim) bool { return c.uid() == p.uid })
		}
	case record.RolloutKey(name):
		if stored, ok := s.holds.rollouts[name]; ok {
			return stored.revision, stored.pin.UID != "" && (b == nil || b.rollout == nil)
		}
	case record.HolderKey(name):
		if stored, ok := s.holders[name]; ok {
			return stored.revision, stored.pin.UID != "" && s.deadHolder(name, stored.pin.UID)
		}
	case record.NamesGuardKey(name.Name):
		return s.guards[key], s.guards[key] != 0 && len(s.holds.named[name.Name]) == 0
	case record.BundlePinKey(name):
		if stored, ok := s.bundlePins[name]; ok {
			return stored.revision, stored.pin.UID != "" && (b == nil || b.pin == nil)
		}
	case record.ClusterPinsKey(name):
		if stored, ok := s.clusterPins[name]; ok {
			return stored.revision, s.clusters[name] == nil
		}
	default:
		return s.guards[key], s.guards[key] != 0 && b == nil
	}
	return 0, false
}

// claimedBy tells whether a pair for which ok is true claims the name, won or lost,
// and whether it works or not.
func (s *state) claimedBy(name record.Name, ok func(claim) bool) bool {
	for c := range s.claimants(name) {
		if ok(c) {
			return true
		}
	}
	return false
}
