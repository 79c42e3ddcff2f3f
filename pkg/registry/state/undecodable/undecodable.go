// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package undecodable keeps track of the records that cannot be decoded, and of what is
// unknown because of them.
//
// A record that cannot be decoded harms only its own object. The object keeps the meaning
// that the record had before. If that is not known, because the state was loaded with the bad
// record, the server must not answer what depends on it: an agent would uninstall what seems
// to be gone.
package undecodable

import (
	"errors"
	"maps"
	"sync/atomic"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Records are the records that cannot be decoded, by their paths, because some have no key of
// ours. The zero value is empty. Only the goroutine that applies revisions may write to it.
type Records struct {
	// Total counts each record that cannot be decoded, unless it is nil.
	Total *atomic.Int64
	// Loading is set while all records of a revision are loaded. The earlier meaning of a bad
	// record is then not known.
	Loading bool

	// paths are all of them, each with whether its key is ours.
	paths   map[string]bool
	foreign int
	// missing are those that may decide which BundleDeployments exist, and whose meaning is
	// not known or no longer holds.
	missing map[string]struct{}
	// unread are the objects of which nothing is known, by resource. readSince is, by resource,
	// the revision at which the last of them became readable or was deleted. Views share both,
	// so each change replaces them.
	unread    map[string]map[record.Name]struct{}
	readSince map[string]int64
}

// Len returns how many records cannot be decoded.
func (u *Records) Len() int { return len(u.paths) }

// Foreign returns how many of them have no key of ours.
func (u *Records) Foreign() int { return u.foreign }

// Missing returns how many of them leave unknown which BundleDeployments exist.
func (u *Records) Missing() int { return len(u.missing) }

// Unread returns the objects of which nothing is known, by resource, and the revision at
// which the last object of a resource became readable or was deleted. The caller must not
// write to either.
func (u *Records) Unread() (unread map[string]map[record.Name]struct{}, since map[string]int64) {
	return u.unread, u.readSince
}

// Kept wraps the error of a record that cannot be decoded but whose earlier meaning remains.
func Kept(err error) error { return keptError{err} }

type keptError struct{ error }

// Unwrap returns the reason, for errors.Is.
func (k keptError) Unwrap() error { return k.error }

// decides reports whether a record may decide which BundleDeployments exist, where, and with
// what.
func decides(key record.Key) bool {
	switch key.Type {
	case record.TypePin, record.TypeMirror, record.TypePromotion, record.TypeRollout, record.TypeHolder:
		return true
	case record.TypeReport:
		return key.Resource == record.Clusters // it may say where BundleDeployments are
	case record.TypeObject:
		switch key.Resource {
		case record.Bundles, record.Clusters, record.ClusterGroups, record.Mappings, record.Restrictions, record.Policies:
			return true
		}
	}
	return false
}

// keeps reports whether a record exists for the sake of others that are written with it, so
// that what those would take away remains.
func keeps(key record.Key) bool {
	return key.Type == record.TypePin || key.Type == record.TypePromotion || key.Type == record.TypeRollout || key.Type == record.TypeHolder
}

// Note enters the records of one revision, with an error or nil for each. While all can be
// decoded, it costs one comparison each.
func (u *Records) Note(records []etcd.Record, errs []error) {
	ours := false // whether a writer of ours wrote the revision
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
		// One bad record harms only its own object.
		klog.ErrorS(errs[i], "Passed over a record that cannot be decoded", "key", records[i].Path(), "revision", records[i].Revision)
		// A fact and the record that is kept for its sake belong together. If only one of them
		// can be decoded, the earlier meaning of the other one no longer fits.
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
		u.unread = with(u.unread, r.Key.Resource, left)
		if len(left) == 0 {
			delete(u.unread, r.Key.Resource)
		}
		u.readSince = with(u.readSince, r.Key.Resource, r.Revision)
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
	// While the engine runs, an object that did not exist before is new to all clients. Any
	// other record that comes alone, and replaces nothing, was not written by us.
	if decides(r.Key) && (torn || !known && (u.Loading || ours && !object)) {
		u.missing[r.Path()] = struct{}{}
	}
	if object && u.Loading && !known {
		u.unread = with(u.unread, r.Key.Resource, with(u.unread[r.Key.Resource], r.Key.Name, struct{}{}))
	}
}

// with returns a copy of a map with an entry.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	out := maps.Clone(m)
	if out == nil {
		out = map[K]V{}
	}
	out[key] = value
	return out
}
