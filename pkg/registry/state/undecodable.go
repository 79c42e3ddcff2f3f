// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"maps"
	"sync/atomic"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// undecodable knows the records that were passed over, by their paths: some have no
// key of ours. What such a record said before is shown on. Where that is not known,
// because the state was loaded with it, nothing must be told that rests on it: what
// seems to be gone would be uninstalled.
type undecodable struct {
	total *atomic.Int64
	// paths are all of them, with whether the key is ours.
	paths   map[string]bool
	foreign int
	// missing are those of which nothing is known, or nothing that still holds, and that
	// may decide which BundleDeployments there are.
	missing map[string]struct{}
	// unread are the objects of which nothing is known, by resource. It is shared with
	// views, and replaced with every change.
	unread map[string]map[record.Name]struct{}
	// readSince is, by resource, the revision at which the last of them came back or went.
	// It is shared as unread is.
	readSince map[string]int64
	loading   bool
}

// keptError is why a record cannot be decoded, where what it said before goes on.
type keptError struct{ error }

// Unwrap makes the reason known to errors.Is.
func (k keptError) Unwrap() error { return k.error }

// decides tells whether a record may decide which BundleDeployments there are, where,
// and with what.
func decides(key record.Key) bool {
	switch key.Type {
	case record.TypePin, record.TypeMirror, record.TypePromotion, record.TypeRollout, record.TypeHolder:
		return true
	case record.TypeReport:
		return key.Resource == record.Clusters // it may say where they are
	case record.TypeObject:
		switch key.Resource {
		case record.Bundles, record.Clusters, record.ClusterGroups, record.Mappings, record.Restrictions, record.Policies:
			return true
		}
	}
	return false
}

// keeps tells whether a record is written for the sake of others that are written with
// it, so that what they would take away stays.
func keeps(key record.Key) bool {
	return key.Type == record.TypePin || key.Type == record.TypePromotion || key.Type == record.TypeRollout || key.Type == record.TypeHolder
}

// note enters what became of the records of one revision, with an error for each. While
// all is well it costs a comparison each.
func (u *undecodable) note(records []etcd.Record, errs []error) {
	ours := false // somebody wrote it who can write our records
	facts, pins := false, false
	for i := range records {
		if errs[i] == nil && records[i].Err == nil {
			ours = true
			facts = facts || decides(records[i].Key) && !keeps(records[i].Key)
			pins = pins || records[i].Key.Type == record.TypePin
		}
	}
	for i := range records {
		if errs[i] == nil {
			u.decoded(&records[i])
			continue
		}
		// One bad record harms nothing but its own object.
		klog.ErrorS(errs[i], "Passed over a record that cannot be decoded", "key", records[i].Path(), "revision", records[i].Revision)
		// Where only a fact can be decoded or only what is kept for its sake, what the
		// other one said before does not go with it.
		torn := pins || facts && keeps(records[i].Key)
		u.passedOver(&records[i], errs[i], ours, torn)
	}
}

func (u *undecodable) decoded(r *etcd.Record) {
	mine, was := u.paths[r.Path()]
	if !was {
		return
	}
	delete(u.paths, r.Path())
	delete(u.missing, r.Path())
	if !mine {
		u.foreign--
		return
	}
	if _, was := u.unread[r.Key.Resource][r.Key.Name]; was && r.Key.Type == record.TypeObject {
		left := maps.Clone(u.unread[r.Key.Resource])
		delete(left, r.Key.Name)
		u.setUnread(r.Key.Resource, left)
		since := maps.Clone(u.readSince)
		if since == nil {
			since = map[string]int64{}
		}
		since[r.Key.Resource] = r.Revision
		u.readSince = since
	}
}

func (u *undecodable) passedOver(r *etcd.Record, err error, ours, torn bool) {
	if u.total != nil {
		u.total.Add(1)
	}
	if u.paths == nil {
		u.paths, u.missing = map[string]bool{}, map[string]struct{}{}
	}
	mine := r.Err == nil
	if _, was := u.paths[r.Path()]; !was && !mine {
		u.foreign++
	}
	u.paths[r.Path()] = mine
	if !mine {
		return
	}
	var kept keptError
	known, object := errors.As(err, &kept), r.Key.Type == record.TypeObject
	// While the engine runs, an object that was not there is new to everybody; and what
	// else comes alone, where nothing was, was written by somebody who does not know how.
	if decides(r.Key) && (torn || !known && (u.loading || ours && !object)) {
		u.missing[r.Path()] = struct{}{}
	}
	if object && u.loading && !known {
		all := maps.Clone(u.unread[r.Key.Resource])
		if all == nil {
			all = map[record.Name]struct{}{}
		}
		all[r.Key.Name] = struct{}{}
		u.setUnread(r.Key.Resource, all)
	}
}

func (u *undecodable) setUnread(resource string, names map[record.Name]struct{}) {
	next := maps.Clone(u.unread)
	if next == nil {
		next = map[string]map[record.Name]struct{}{}
	}
	if next[resource] = names; len(names) == 0 {
		delete(next, resource)
	}
	u.unread = next
}
