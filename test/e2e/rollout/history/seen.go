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

// Seen holds what an agent saw at a revision.
type Seen struct {
	Revision int64
	Number   int
	// There says that the BundleDeployment existed; ID is its deployment ID.
	There bool
	ID    string
	// By names the server, for messages.
	By string
}

// Diary collects what agents see. It may be written from any goroutine.
type Diary struct {
	mu struct {
		sync.Mutex
		seen []Seen
	}
}

// Note adds an observation of an agent.
func (d *Diary) Note(s Seen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.seen = append(d.mu.seen, s)
}

// inOrder returns the observations, by revision.
func (d *Diary) inOrder() []Seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := slices.Clone(d.mu.seen)
	slices.SortStableFunc(out, func(a, b Seen) int { return cmp.Compare(a.Revision, b.Revision) })
	return out
}

// compare checks the observations at revisions before one, which all have this state, and
// returns the others.
func compare(seen []Seen, before int64, s *state) ([]Seen, error) {
	for len(seen) > 0 && seen[0].Revision < before {
		at := seen[0]
		if want := s.pairs[at.Number].shown; at.There != want.exists || at.ID != want.id {
			return nil, fmt.Errorf("at revision %d the agent of %s was shown %q (there: %t) by %s; it should see %s",
				at.Revision, scene.ClusterName(at.Number), at.ID, at.There, at.By, want)
		}
		seen = seen[1:]
	}
	return seen, nil
}
