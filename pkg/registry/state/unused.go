// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/musterfleet/muster/pkg/registry/record"

// UnusedRecord is the key of a record that decides nothing, and the record's revision.
type UnusedRecord struct {
	Key      record.Key
	Revision int64
}

// Unused returns those of the given records that decide nothing.
//
// Unused records are reports and promotions of BundleDeployments that no Bundle version wants
// any more; holder records of names that are no longer contested; and pins, rollout records
// and guards of roll-outs whose Bundle or Cluster does not exist or was replaced. A label
// edit can make a promotion decide again. So a caller may remove them only if, since the
// state's revision, nothing was written that changes what is targeted. Records that cannot be
// decoded are left to an operator.
func (s *State) Unused(keys []record.Key) []UnusedRecord {
	var out []UnusedRecord
	for _, key := range keys {
		if at, unused := s.unused(key); unused {
			out = append(out, UnusedRecord{key, at})
		}
	}
	return out
}

// MaybeUnused returns the keys of the records that Unused may return.
func (s *State) MaybeUnused() []record.Key {
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

// unused reports whether a record exists and decides nothing, and returns its revision.
func (s *State) unused(key record.Key) (revision int64, unused bool) {
	name := key.Name
	b := s.bundles[name]
	switch key {
	case record.ReportKey(record.BundleDeployments, name):
		if r := s.hidden.byName[name]; r != nil { // a report that is shown is in use
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
			return stored.revision, stored.pin.UID != "" && s.unusedHolder(name, stored.pin.UID)
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

// claimedBy reports whether a pair for which ok returns true claims the name. The pair may
// have lost the name, and may fail.
func (s *State) claimedBy(name record.Name, ok func(claim) bool) bool {
	for c := range s.claimants(name) {
		if ok(c) {
			return true
		}
	}
	return false
}
