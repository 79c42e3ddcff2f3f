// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package undecodable knows the records that cannot be decoded, and what is not known
// because of them.
//
// A record that cannot be decoded harms nothing but its own object. What it said before is
// shown on. Where that is not known, because the state was loaded with it, the server must
// not answer what depends on it: an agent would uninstall what seems to be gone.
package undecodable

import (
	"errors"
	"maps"
	"sync/atomic"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Records are the records that were passed over, by their paths: some have no key of ours.
// The zero value holds none. Only the goroutine that applies revisions may write to it.
type Records struct {
	// Total counts each record that is passed over, unless it is nil.
	Total *atomic.Int64
	// Loading is set while all records of a revision are loaded, so that what a bad record
	// said before is not known.
	Loading bool

	// paths are all of them, with whether the key is ours.
	paths   map[string]bool
	foreign int
	// missing are those of which nothing is known, or nothing that still holds, and that
	// may decide which BundleDeployments exist.
	missing map[string]struct{}
	// unread are the objects of which nothing is known, by resource. It is shared with
	// views, and replaced with every change.
	unread map[string]map[record.Name]struct{}
	// readSince is, by resource, the revision at which the last of them came back or went.
	// It is shared as unread is.
	readSince map[string]int64
}

// Len returns how many records cannot be decoded.
func (u *Records) Len() int { return len(u.paths) }

// Foreign returns how many of them have no key of ours.
func (u *Records) Foreign() int { return u.foreign }

// Missing returns how many of them the BundleDeployments depend on in a way that is not
// known.
func (u *Records) Missing() int { return len(u.missing) }

// Unread returns the objects of which nothing is known, by resource, and the revision at
// which the last object of a resource came back or went. Both must not be written to.
func (u *Records) Unread() (unread map[string]map[record.Name]struct{}, since map[string]int64) {
	return u.unread, u.readSince
}

// Kept says that a record cannot be decoded, and that what it said before stays.
func Kept(err error) error { return keptError{err} }

type keptError struct{ error }

// Unwrap makes the reason known to errors.Is.
func (k keptError) Unwrap() error { return k.error }

// decides reports whether a record may decide which BundleDeployments exist, where,
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

// keeps reports whether a record is written for the sake of others that are written with
// it, so that what they would take away stays.
func keeps(key record.Key) bool {
	return key.Type == record.TypePin || key.Type == record.TypePromotion || key.Type == record.TypeRollout || key.Type == record.TypeHolder
}

// Note enters what became of the records of one revision, with an error for each. While
// all is well it costs a comparison each.
func (u *Records) Note(records []etcd.Record, errs []error) {
	ours := false // a writer of our records wrote it
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

func (u *Records) decoded(r *etcd.Record) {
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

func (u *Records) passedOver(r *etcd.Record, err error, ours, torn bool) {
	if u.Total != nil {
		u.Total.Add(1)
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
	// While the engine runs, an object that did not exist is new to all clients. Any other
	// record that comes alone, where nothing was, has a writer that is not ours.
	if decides(r.Key) && (torn || !known && (u.Loading || ours && !object)) {
		u.missing[r.Path()] = struct{}{}
	}
	if object && u.Loading && !known {
		all := maps.Clone(u.unread[r.Key.Resource])
		if all == nil {
			all = map[record.Name]struct{}{}
		}
		all[r.Key.Name] = struct{}{}
		u.setUnread(r.Key.Resource, all)
	}
}

func (u *Records) setUnread(resource string, names map[record.Name]struct{}) {
	next := maps.Clone(u.unread)
	if next == nil {
		next = map[string]map[record.Name]struct{}{}
	}
	if next[resource] = names; len(names) == 0 {
		delete(next, resource)
	}
	u.unread = next
}
