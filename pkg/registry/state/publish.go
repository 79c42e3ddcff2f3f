// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// publish brings the tables up to what the pairs say now.
func (w *work) publish() {
	if w.first != nil {
		w.first.publish()
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
		w.obstructAll()
	}
	w.hidden.settled(w.reported)
	w.closeLedger()
}

// settleChanged notes the pairs of versions that came into force or went out of it, and
// those whose promotion records changed.
func (w *work) settleChanged() {
	for b, before := range w.before {
		now := w.inForceOrGone(b)
		if _, met := w.rescope[b]; now == before || met && now != nil {
			continue // retarget has been to all of them
		}
		for _, v := range []*version{before, now} {
			if v != nil {
				for c := range v.pairs {
					w.settle.add(claim{b, c})
				}
			}
		}
	}
	w.settlePromoted()
}

// inForceOrGone is inForce for a bundle that may have been removed.
func (s *State) inForceOrGone(b *bundle) *version {
	if s.bundles[b.name] != b {
		return nil
	}
	return s.inForce(b)
}

// wanted is the BundleDeployment that a bundle makes of a cluster, nil if none. The one
// of its name that is there, or nil, knows what was reported.
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
	next.Report = w.alive(c, next.Name(), have)
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

// withdraw gives up a claim, whatever the pairs say. Who gets the name instead is
// settled with everything else, when all pairs are what they will be.
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

// contest settles a name that several claim (holder.go). The Bundles of those that do
// not get it say so.
func (w *work) contest(key record.Name, c claim, want, have *view.BundleDeployment) {
	claims := w.contested[key]
	if claims == nil {
		claims = map[claim]struct{}{}
		w.contested[key] = claims
		b, cl := have.Bundle.Bundle, have.Cluster.Cluster
		holder := claim{w.State.bundles[record.Name{Namespace: b.Namespace, Name: b.Name}], w.State.clusters[record.Name{Namespace: cl.Namespace, Name: cl.Name}]}
		if holder.bundle != nil && holder.cluster != nil && holder.holds(have) {
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
		// Of two Clusters that share a namespace, a Bundle loses nothing to itself.
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

// settled is the one of some claims that gets a name, and its BundleDeployment; nil if
// none wants it. One that does not want it any more leaves, even if it is settled
// later: the name does not go to it and back in one revision.
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

// settlement is a set of claims, by cluster. At a load all pairs are in it: a list for
// each cluster takes a third of what a map of claims takes, and sorting short lists is
// cheaper than sorting one that is long.
type settlement struct {
	ofCluster map[*cluster][]*bundle
	// order are the clusters, once it is sorted.
	order []*cluster
}

// add adds a claim; more than once is once.
func (s *settlement) add(c claim) {
	if s.ofCluster == nil {
		s.ofCluster = map[*cluster][]*bundle{}
	}
	s.ofCluster[c.cluster] = append(s.ofCluster[c.cluster], c.bundle)
}

// sort comes before claims, and after all that is added. The order is that of the
// table of BundleDeployments: so a load puts neighbours one after the other.
func (s *settlement) sort() {
	s.order = make([]*cluster, 0, len(s.ofCluster))
	for c, bundles := range s.ofCluster {
		slices.SortFunc(bundles, func(a, b *bundle) int {
			return cmp.Or(cmp.Compare(a.name.Name, b.name.Name), cmp.Compare(a.name.Namespace, b.name.Namespace))
		})
		s.ofCluster[c] = slices.Compact(bundles)
		s.order = append(s.order, c)
	}
	slices.SortFunc(s.order, func(a, b *cluster) int {
		return cmp.Or(cmp.Compare(a.face.Namespace, b.face.Namespace), a.name.Compare(b.name))
	})
}

// claims iterates over the claims in order, each once.
func (s *settlement) claims(yield func(claim) bool) {
	for _, c := range s.order {
		for _, b := range s.ofCluster[c] {
			if !yield(claim{b, c}) {
				return
			}
		}
	}
}
