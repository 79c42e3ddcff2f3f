// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// The claim that holds a BundleDeployment name keeps it. A holder record says which
// that is; where none names a claim that wants the name, the older Bundle has it, then
// the older Cluster. Creation times come from clocks and have whole seconds, so the
// write that would let a claim take a name from its holder by that rule records the
// holder (plan_contest.go). The record goes with the write that ends the holder's
// claim, or is swept.

// claimant is one who claims a name, perhaps only after a planned write.
type claimant struct {
	bundle  *v1alpha1.Bundle
	cluster *v1alpha1.Cluster
}

func (c claim) claimant() claimant { return claimant{c.bundle.newest.bundle, c.cluster.object} }

// uid is the BundleDeployment's.
func (c claimant) uid() types.UID { return derive.IdentityUID(c.bundle.UID, c.cluster.UID) }

// older orders claims of one name where nothing is recorded.
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

// recordedHolder is the UID that the holder record of a name says, "" if there is none.
func (s *state) recordedHolder(name record.Name) types.UID {
	if stored, ok := s.holders[name]; ok {
		return stored.pin.UID
	}
	return ""
}

// winner is the one of some claims that has a name; the zero claim if there are none.
func (s *state) winner(name record.Name, claims map[claim]struct{}) claim {
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

// takeHolder enters a holder record. Those that claim the name are settled anew.
func (w *work) takeHolder(r *etcd.Record) error {
	w.promoted[r.Key.Name] = struct{}{}
	return keepPin(w.holders, r)
}

// deadHolder reports whether a holder record rules nothing: what it names does not
// claim the name any more, or nothing else does.
func (s *state) deadHolder(name record.Name, uid types.UID) bool {
	holds, contested := false, false
	for c := range s.claimants(name) {
		if c.uid() == uid {
			holds = true
		} else {
			contested = true
		}
	}
	return !holds || !contested
}
