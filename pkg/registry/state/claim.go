// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"slices"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// claim is a bundle's claim to a BundleDeployment on a cluster.
type claim struct {
	bundle  *bundle
	cluster *cluster
}

// key returns the BundleDeployment name that is claimed.
func (c claim) key() record.Name {
	return record.Name{Namespace: c.cluster.face.Namespace, Name: c.bundle.name.Name}
}

// holds reports whether a BundleDeployment belongs to a claim. It compares UIDs, because one
// revision may replace an object by another with the same name.
func (c claim) holds(have *view.BundleDeployment) bool {
	return have.Bundle.Bundle.UID == c.bundle.newest.bundle.UID && have.Cluster.Cluster.UID == c.cluster.object.UID
}

// uid returns the UID of the claim's BundleDeployment.
func (c claim) uid() types.UID { return types.UID(c.identity().String()) }

// identity returns the UID in the form that reports are compared with.
func (c claim) identity() uuid.UUID {
	return derive.Identity(c.bundle.newest.bundle.UID, c.cluster.object.UID)
}

// place notes that a cluster's namespace for BundleDeployments has changed.
func (s *State) place(c *cluster, from, to string) {
	if from == to {
		return
	}
	if len(s.holds.placed[from]) == 2 {
		s.holds.crowded--
	}
	s.holds.placed[from] = slices.DeleteFunc(s.holds.placed[from], func(o *cluster) bool { return o == c })
	if len(s.holds.placed[from]) == 0 {
		delete(s.holds.placed, from)
	}
	if to != "" {
		s.holds.placed[to] = append(s.holds.placed[to], c)
		if len(s.holds.placed[to]) == 2 {
			s.holds.crowded++
		}
	}
}

func (s *State) unname(b *bundle) {
	delete(s.holds.partitioned, b)
	name := b.name.Name
	s.holds.named[name] = slices.DeleteFunc(s.holds.named[name], func(o *bundle) bool { return o == b })
	if len(s.holds.named[name]) == 0 {
		delete(s.holds.named, name)
	}
}

// claimants iterates over the claims that may be made to a BundleDeployment's name.
func (s *State) claimants(name record.Name) func(func(claim) bool) {
	return func(yield func(claim) bool) {
		for _, b := range s.holds.named[name.Name] {
			for _, c := range s.holds.placed[name.Namespace] {
				if _, ok := c.pairs[b]; ok && !yield(claim{b, c}) {
					return
				}
			}
		}
	}
}

// The claim that holds a BundleDeployment name keeps it. A holder record says which claim
// that is. Where no record names a claimant, the older Bundle has the name, then the older
// Cluster. A write that would let a claim take a name from its holder by that rule records
// the holder (plan_contest.go). The write that ends the holder's claim deletes the record, or
// the sweep does.

// claimant is a pair that claims a name, perhaps only after a planned write.
type claimant struct {
	bundle  *v1alpha1.Bundle
	cluster *v1alpha1.Cluster
}

func (c claim) claimant() claimant { return claimant{c.bundle.newest.bundle, c.cluster.object} }

// uid returns the UID of the claimant's BundleDeployment.
func (c claimant) uid() types.UID { return derive.IdentityUID(c.bundle.UID, c.cluster.UID) }

// older orders the claimants of one name where nothing is recorded.
func (c claimant) older(o claimant) bool {
	named := func(of interface{ GetNamespace() string }, name string) record.Name {
		return record.Name{Namespace: of.GetNamespace(), Name: name}
	}
	return cmp.Or(
		c.bundle.CreationTimestamp.Compare(o.bundle.CreationTimestamp.Time),
		named(c.bundle, c.bundle.Name).Compare(named(o.bundle, o.bundle.Name)),
		c.cluster.CreationTimestamp.Compare(o.cluster.CreationTimestamp.Time),
		named(c.cluster, c.cluster.Name).Compare(named(o.cluster, o.cluster.Name)),
	) < 0
}

// recordedHolder returns the UID in the holder record of a name, "" if it has none.
func (s *State) recordedHolder(name record.Name) types.UID {
	if stored, ok := s.holders[name]; ok {
		return stored.pin.UID
	}
	return ""
}

// winner returns which of some claims has a name; the zero claim if claims is empty.
func (s *State) winner(name record.Name, claims map[claim]struct{}) claim {
	recorded := s.recordedHolder(name)
	var winner claim
	for c := range claims {
		if recorded != "" && c.uid() == recorded {
			return c
		}
		if winner.bundle == nil || c.claimant().older(winner.claimant()) {
			winner = c
		}
	}
	return winner
}

// takeHolder enters a holder record. All claims to the name are settled anew.
func (w *work) takeHolder(r *etcd.Record) error {
	w.promoted[r.Key.Name] = struct{}{}
	return keepPin(w.holders, r)
}

// unusedHolder reports whether a holder record decides nothing: its pair no longer claims the
// name, or no other pair does.
func (s *State) unusedHolder(name record.Name, uid types.UID) bool {
	holds, contested := false, false
	for c := range s.claimants(name) {
		is := c.uid() == uid
		holds, contested = holds || is, contested || !is
	}
	return !holds || !contested
}
