// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// Seen holds what an agent saw of a revision.
type Seen struct {
	Revision int64
	Number   int
	// There tells that there was a BundleDeployment, ID what it said.
	There bool
	ID    string
	// By names the server that showed it, for messages.
	By string
}

// Diary keeps what agents see. It may be written from any goroutine.
type Diary struct {
	mu struct {
		sync.Mutex
		seen []Seen
	}
}

// Note adds what an agent saw.
func (d *Diary) Note(s Seen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.seen = append(d.mu.seen, s)
}

// inOrder returns what was seen, by revision.
func (d *Diary) inOrder() []Seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := slices.Clone(d.mu.seen)
	slices.SortStableFunc(out, func(a, b Seen) int { return cmp.Compare(a.Revision, b.Revision) })
	return out
}

// compare takes what was seen of revisions before one, which all are this state, and
// returns what is left.
func compare(seen []Seen, before int64, s *state) ([]Seen, error) {
	for len(seen) > 0 && seen[0].Revision < before {
		at := seen[0]
		if want := s.pairs[at.Number].told; at.There != want.exists || at.ID != want.id {
			return nil, fmt.Errorf("at revision %d the agent of %s was shown %q (there: %t) by %s; it is to be told %s",
				at.Revision, scene.ClusterName(at.Number), at.ID, at.There, at.By, want)
		}
		seen = seen[1:]
	}
	return seen, nil
}
