// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// publish brings the tables up to date with the pairs.
func (w *work) publish() {
	if w.first != nil {
		w.first.show()
		w.first.fill()
		w.first.enroll()
		w.first.gather()
	} else {
		w.settleChanged()
	}
	w.settle.sort()
	for c := range w.settle.claims {
		if w.State.clusters[c.cluster.name] == c.cluster {
			w.settling = c
			w.settleClaim(c)
		}
	}
	w.settling = claim{}
	if w.first == nil {
		for name := range w.reported {
			w.publishReport(name)
		}
		for name := range w.reported {
			w.obstruct(name)
		}
	} else {
		for name := range w.mirrors.downstream {
			w.obstruct(name)
		}
	}
	w.hidden.settled(w.reported)
	w.closeLedger()
}

// settleChanged notes the pairs of versions that came into force or ceased to be, and those
// whose promotion records changed.
func (w *work) settleChanged() {
	for b, before := range w.before {
		now := w.inForceOrGone(b)
		if _, met := w.rescope[b]; now == before || met && now != nil {
			continue // retarget has visited all its pairs
		}
		for _, v := range []*version{before, now} {
			if v != nil {
				for c := range v.pairs {
					w.settle.add(claim{b, c})
				}
			}
		}
	}
	for name := range w.promoted {
		for c := range w.claimants(name) {
			w.settle.add(c)
		}
	}
}

// inForceOrGone returns the version in force of a bundle that may have been removed.
func (s *State) inForceOrGone(b *bundle) *version {
	if s.bundles[b.name] != b {
		return nil
	}
	return s.inForce(b)
}

// wanted returns the BundleDeployment that a claim should have, nil if none. have is the
// current one with that name, or nil; it knows the last report.
func (w *work) wanted(c claim, have *view.BundleDeployment) *view.BundleDeployment {
	v := w.inForceOrGone(c.bundle)
	if v == nil || c.cluster.face.Namespace == "" || w.State.clusters[c.cluster.name] != c.cluster {
		return nil
	}
	p := v.pairs[c.cluster]
	if p == nil || p.content == nil {
		return nil
	}
	next := &view.BundleDeployment{At: view.VersionAt(w.at), Bundle: v.face, Cluster: c.cluster.face, Content: p.content}
	if !w.hold(c, v, next) {
		return nil
	}
	next.Downstream = w.downstreamOf(next)
	next.Report = w.usedReport(c, next.Name(), have)
	return next
}

func (s *State) deployment(key record.Name) *view.BundleDeployment {
	if item := s.builder.Get(record.BundleDeployments, key); item != nil {
		return item.(*view.BundleDeployment)
	}
	return nil
}

func (w *work) settleClaim(c claim) {
	key := c.key()
	have := w.deployment(key)
	want := w.wanted(c, have)
	_, contested := w.contested[key]
	switch {
	case contested || (want != nil && have != nil && !c.holds(have)):
		w.contest(key, c, want, have)
	case want != nil && (have == nil || !have.Same(want)):
		w.put(have, want)
	case want == nil && have != nil && c.holds(have):
		w.remove(have)
	}
}

// withdraw gives up a claim, whatever its pair says. Which claim gets the name instead is
// settled with everything else, after all pairs are final.
func (w *work) withdraw(c claim) {
	key := c.key()
	delete(c.bundle.lost, key)
	if have := w.deployment(key); have != nil && c.holds(have) {
		w.remove(have)
	}
	claims := w.contested[key]
	delete(claims, c)
	for other := range claims {
		w.touch(other.bundle)
		w.settle.add(other)
	}
	if len(claims) == 0 {
		delete(w.contested, key)
	}
}

// contest settles a name that several pairs claim (claim.go). The Bundles that do not get the
// name say so in a condition.
func (w *work) contest(key record.Name, c claim, want, have *view.BundleDeployment) {
	claims := w.contested[key]
	if claims == nil {
		claims = map[claim]struct{}{}
		w.contested[key] = claims
		if holder := (claim{w.bundleOf(have), w.clusterOf(have)}); holder.bundle != nil && holder.cluster != nil {
			claims[holder] = struct{}{}
		}
	}
	setMember(claims, c, want != nil)
	w.touch(c.bundle)
	delete(c.bundle.lost, key)
	winner, next := w.settled(key, claims, have)
	for other := range claims {
		w.touch(other.bundle)
		delete(other.bundle.lost, key)
		// If two Clusters share a namespace, a Bundle loses nothing to itself.
		if other.bundle != winner.bundle {
			other.bundle.lost[key] = "Bundle " + winner.bundle.name.String()
		}
	}
	if len(claims) <= 1 {
		delete(w.contested, key)
	}
	switch {
	case next == nil && have != nil:
		w.remove(have)
	case next != nil && (have == nil || !have.Same(next)):
		w.put(have, next)
	}
}

// settled returns the claim that gets a name, and its BundleDeployment; nil if no claim wants
// the name. It drops claims that no longer want the name, even if they are settled later: the
// name must not move to them and back in one revision.
func (w *work) settled(key record.Name, claims map[claim]struct{}, have *view.BundleDeployment) (claim, *view.BundleDeployment) {
	for len(claims) > 0 {
		winner := w.winner(key, claims)
		if next := w.wanted(winner, have); next != nil {
			return winner, next
		}
		delete(claims, winner)
		w.touch(winner.bundle)
		delete(winner.bundle.lost, key)
	}
	return claim{}, nil
}

// settlement is a set of claims, grouped by cluster. At a load it holds all pairs: a list for
// each cluster takes a third of the memory of a map of claims, and sorting many short lists
// is cheaper than sorting a long one.
type settlement struct {
	ofCluster map[*cluster][]*bundle
	// order are the clusters, after sort.
	order []*cluster
}

// add adds a claim. The same claim may be added several times.
func (s *settlement) add(c claim) {
	s.ofCluster[c.cluster] = append(s.ofCluster[c.cluster], c.bundle)
}

// sort must be called after the last add and before claims. The order is that of the table of
// BundleDeployments, so that a load puts neighbours one after the other.
func (s *settlement) sort() {
	s.order = make([]*cluster, 0, len(s.ofCluster))
	for c, bundles := range s.ofCluster {
		slices.SortFunc(bundles, (*bundle).compare)
		s.ofCluster[c] = slices.Compact(bundles)
		s.order = append(s.order, c)
	}
	slices.SortFunc(s.order, (*cluster).comparePlaces)
}

// claims iterates over the claims in order, and yields each once.
func (s *settlement) claims(yield func(claim) bool) {
	for _, c := range s.order {
		for _, b := range s.ofCluster[c] {
			if !yield(claim{b, c}) {
				return
			}
		}
	}
}
