// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"maps"
	"slices"
)

// firstEvaluated and evaluatedAtOnce are how many clusters a bundle is evaluated on at a
// time: a few, to learn whether that takes long, and then as many as a derive.Memo keeps.
const (
	firstEvaluated  = 4
	evaluatedAtOnce = 256
)

// evaluateAll evaluates a bundle on clusters. Versions whose templates take long are
// evaluated on all processors; the goroutine that writes then finds what they come out as.
func (w *work) evaluateAll(b *bundle, clusters map[*cluster]struct{}) {
	all := slices.Collect(maps.Keys(clusters))
	for n := firstEvaluated; len(all) > 0; n = evaluatedAtOnce {
		some := all[:min(n, len(all))]
		w.prepareOn(b, some)
		for _, c := range some {
			w.evaluateOn(b, c)
		}
		all = all[len(some):]
	}
}

// prepareOn evaluates the costly versions of a bundle on clusters, and writes nothing.
func (s *state) prepareOn(b *bundle, clusters []*cluster) {
	for _, v := range b.versions() {
		if !v.derived.Costly() {
			continue
		}
		injected := s.injectedInto(v)
		each(len(clusters), func(i int) {
			if match, ok := s.matchOf(v, clusters[i].subject()); ok {
				v.derived.Content(match, injected, clusters[i].object)
			}
		})
	}
}
