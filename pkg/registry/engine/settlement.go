// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
)

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
