// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Questions to a state may run in parallel with each other, but not with Apply.

// Revision returns the revision that was applied last.
func (s *State) Revision() int64 { return s.revision }

// Tables returns the tables from which the next view is made. Only Apply and Begin write to
// them, and tests that plant faults.
func (s *State) Tables() *view.Builder { return s.builder }

// ClustersIn returns the Clusters of a namespace, ordered by name, with their groups.
func (s *State) ClustersIn(namespace string) []targeting.Cluster {
	clusters := s.peek(namespace).clusters
	out := make([]targeting.Cluster, 0, len(clusters))
	for c := range clusters {
		out = append(out, c.targeting)
	}
	slices.SortFunc(out, func(a, b targeting.Cluster) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// MirroredNamespaces returns the names of the Namespaces that have a mirror.
func (s *State) MirroredNamespaces() []string {
	var out []string
	for name, ns := range s.byNamespace {
		if ns.mirrored != 0 {
			out = append(out, name)
		}
	}
	return out
}

// BundlesWithValues returns the names of the Bundles that have mirrored values.
func (s *State) BundlesWithValues() []record.Name { return slices.Collect(maps.Keys(s.mirrors.values)) }

// ValuesOf returns the hashes of a Bundle's mirrored values, each with whether one of the
// Bundle's versions needs it.
func (s *State) ValuesOf(bundle record.Name) map[string]bool {
	b := s.bundles[bundle]
	out := map[string]bool{}
	for hash := range s.mirrors.values[bundle] {
		out[hash] = b != nil && s.needsValues(b, hash)
	}
	return out
}

// CopiesOf returns the record of a BundleDeployment's copies, and its revision; zero if there
// is none.
func (s *State) CopiesOf(deployment record.Name) (record.Downstream, int64) {
	d := s.mirrors.downstream[deployment]
	return d.Downstream, d.revision
}

// WithCopies returns the names that have a record of copies, whether the BundleDeployments
// exist or not.
func (s *State) WithCopies() []record.Name { return slices.Collect(maps.Keys(s.mirrors.downstream)) }

// ContentsInUse returns the IDs of all manifests to which a record refers. Only a write of a
// Bundle that brings the manifest along can refer to any other one again. So a content that
// is not in use may be removed in a transaction that holds while no Bundle's object record
// was written after the state's revision (etcd.Txn.UnchangedSince of Bundles in all
// namespaces). A write that is committed later finds the content missing, and puts it back.
//
// Agents may still fetch a content that was in use a moment ago.
func (s *State) ContentsInUse() map[string]struct{} {
	ids := map[string]struct{}{}
	for _, b := range s.bundles {
		for _, v := range b.versions() {
			ids[v.record.Content] = struct{}{}
		}
	}
	for _, p := range s.holds.promotions {
		ids[p.Staged.ManifestID()] = struct{}{}
		ids[p.Promoted.ManifestID()] = struct{}{}
	}
	for _, stored := range s.clusterPins {
		for i := range stored.pin.Pins {
			ids[stored.pin.Pins[i].ManifestID] = struct{}{}
		}
	}
	delete(ids, "")
	return ids
}

// Counts holds numbers of a state at one moment.
type Counts struct {
	// UndecodableNow is the number of records that cannot be decoded now. Foreign is the
	// number of those whose key is not one of ours.
	UndecodableNow, Foreign int
	// Missing is the number of those without which the server cannot know which
	// BundleDeployments exist.
	Missing int
	// Evaluations counts how often a Bundle was evaluated on a Cluster since the state was
	// loaded.
	Evaluations int
	// Filed is the number of distinct selectors in the index that an edit finds by a label.
	// Loose is the number of those that each full match visits.
	Filed, Loose int
}

// Counts returns the current numbers. It costs O(1).
func (s *State) Counts() Counts {
	c := Counts{
		UndecodableNow: s.undecodable.Len(),
		Foreign:        s.undecodable.Foreign(),
		Missing:        s.undecodable.Missing(),
		Evaluations:    s.evaluated,
	}
	for _, x := range []interface{ Distinct() index.Distinct }{s.index.entries, s.index.groupEntries, s.index.groups} {
		d := x.Distinct()
		c.Filed += d.Filed
		c.Loose += d.Loose
	}
	return c
}
