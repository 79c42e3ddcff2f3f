// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// checkEvery spreads the checks of a state. A state with fewer Bundles, Clusters and groups
// than this is checked after each revision, one with twice as many after each third one.
const checkEvery = 100

// checkInvariants panics if an invariant is broken. It does nothing where invariants are off.
func (s *State) checkInvariants() {
	if !invariants.Enabled || s.revision%int64(1+(len(s.bundles)+len(s.clusters)+len(s.groups))/checkEvery) != 0 {
		return
	}
	invariants.Must(s.Check())
}

// watchPublished keeps some of the objects that a view has changed, to check later that
// nothing has written to them. It does nothing where invariants are off. GitRepos and HelmOps
// are left out, because parts of them are made on read.
func (s *State) watchPublished(v *view.View) {
	if !invariants.Enabled {
		return
	}
	r := v.Exactly(v.Revision)
	if r == nil {
		return
	}
	const watched = 4 // per resource and revision
	for _, resource := range []string{record.BundleDeployments, record.Bundles, record.Clusters, record.ClusterGroups} {
		changes := r.Changes(resource, "", "")
		for _, c := range changes[:min(watched, len(changes))] {
			if c.Next != nil {
				s.published.Add(resource+" "+c.Name.String(), func() []byte {
					text, err := json.Marshal(c.Next.Render())
					invariants.Must(err)
					return text
				})
			}
		}
	}
}

// Check returns an error if parts of the state contradict each other, if the index does not
// hold exactly what is filed, or if a roll-up differs from a scan. It costs O(n) in
// everything.
func (s *State) Check() error {
	entries, groupEntries := 0, 0
	for _, b := range s.bundles {
		if err := s.checkPairs(b); err != nil {
			return fmt.Errorf("the Bundle %s: %w", b.name, err)
		}
		for _, v := range b.versions() {
			if v.targets == nil {
				continue
			}
			for filing := range v.targets.Filings() {
				entries += len(filing.Labels)
				if filing.GroupLabels != nil {
					groupEntries++
				}
			}
		}
	}
	for _, c := range s.clusters {
		for b := range c.pairs {
			_, barred := b.barred[c]
			if !barred && !slices.ContainsFunc(b.versions(), func(v *version) bool { return v.pairs[c] != nil }) {
				return fmt.Errorf("the Cluster %s knows a pair of %s that is gone", c.name, b.name)
			}
		}
	}
	filed := 0
	for _, g := range s.groups {
		if g.filed {
			filed++
		}
	}
	for _, f := range []struct {
		what      string
		is, wants int
	}{
		{"entries", s.index.entries.Len(), entries},
		{"entries of groups", s.index.groupEntries.Len(), groupEntries},
		{"groups", s.index.groups.Len(), filed},
		{"clusters", s.index.clusters.Len(), len(s.clusters)},
	} {
		if f.is != f.wants {
			return fmt.Errorf("%d %s are filed instead of %d", f.is, f.what, f.wants)
		}
	}
	for key, claims := range s.contested {
		if len(claims) < 2 {
			return fmt.Errorf("the name %s is contested by %d", key, len(claims))
		}
	}
	return s.ledger.Check()
}

// checkPairs checks the pairs of a bundle.
func (s *State) checkPairs(b *bundle) error {
	for _, v := range b.versions() {
		unpinned := 0
		for c, p := range v.pairs {
			if s.clusters[c.name] != c {
				return fmt.Errorf("it has a pair on the Cluster %s, which is gone", c.name)
			}
			if _, known := c.pairs[b]; !known {
				return fmt.Errorf("the Cluster %s does not know its pair", c.name)
			}
			if p.content == nil {
				unpinned++
			}
		}
		if unpinned != v.unpinned {
			return fmt.Errorf("it counts %d failures without a pin instead of %d", v.unpinned, unpinned)
		}
	}
	return nil
}
