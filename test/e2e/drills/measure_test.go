// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

var (
	errUnanswered = errors.New("requests are without an answer")
	errNotSynced  = errors.New("the informer has not synced")
	errStillReady = errors.New("the replica is still ready")
)

// seen holds what one sort of clients saw during a drill.
type seen struct {
	Asked  int `json:"asked"`
	Failed int `json:"failed"`
	// Crossed is the number of those that met the orderly end of a connection.
	Crossed int `json:"crossed,omitempty"`
	// Seconds is the time from the begin of the first failed request to the end of the last.
	Seconds float64 `json:"seconds"`
	// How says which requests failed and how: "GET 503".
	How map[string]int `json:"how,omitempty"`
}

// result holds the measurements of one drill.
type result struct {
	Drill    string `json:"drill"`
	Raw      seen   `json:"raw"`
	Retrying seen   `json:"retrying"`
	// GapSeconds is the longest time without an event for the informer, and Lists how often
	// it got the whole state again.
	GapSeconds float64 `json:"gapSeconds"`
	Lists      int     `json:"lists"`
	// WellSeconds is the time from the fault, or from its repair, until all was well.
	WellSeconds float64 `json:"wellSeconds"`
	Repaired    bool    `json:"repaired"`
}

func enough(counts []int, want int, otherwise string) error {
	if least(counts) < want {
		return fmt.Errorf("%s: %v", otherwise, counts)
	}
	return nil
}

// well waits until all is well again: all replicas are ready and the APIService is
// available, each client has had answers, and the informer gets events. It returns the time
// of the last failure that a client saw, or from.
func (s *scene) well(t cluster.T, from time.Time) time.Time {
	t.Helper()
	s.muster.WaitReady(t)
	s.muster.WaitAvailable(t)
	for _, c := range s.controllers {
		c.WaitReadyAt(t, c.address)
	}
	const calm = 5 // as many requests of each kind succeed, one after the other
	last := from
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		begun := from
		for _, each := range s.load.since(from) {
			if each.outcome.failure == "" {
				continue
			}
			if each.begin.After(begun) {
				begun = each.begin
			}
			if each.end.After(last) {
				last = each.end
			}
		}
		if err := enough(s.load.count(begun.Add(time.Nanosecond), true), calm, "requests fail"); err != nil {
			return err
		}
		if _, found := s.load.informer.firstEvent(last); !found {
			return errors.New("the informer gets no events")
		}
		return nil
	}))
	return last
}

// measure returns what clients saw from a time on, and fails the test for answers that are
// never right.
func (s *scene) measure(t cluster.T, from time.Time) result {
	t.Helper()
	to := time.Now()
	s.load.waitAnswers(t, to)
	var r result
	wrong, unmarked := map[string]bool{}, map[string]bool{}
	bounds := map[*seen][2]time.Time{}
	for _, each := range s.load.since(from) {
		side, what := &r.Raw, s.load.asks[each.ask]
		if what.sort == retrying {
			side = &r.Retrying
		}
		side.Asked++
		if each.outcome.wrong != "" {
			wrong[what.sort+" "+what.verb+": "+each.outcome.wrong] = true
		}
		if each.outcome.unmarked != "" {
			unmarked[each.outcome.unmarked] = true
		}
		if each.outcome.failure == "" {
			continue
		}
		side.Failed++
		if each.outcome.crossed() {
			side.Crossed++
		}
		if side.How == nil {
			side.How = map[string]int{}
		}
		how := what.verb + " " + each.outcome.failure
		if side.How[how]++; side.How[how] == 1 {
			t.Logf("%s %s, %.1f s from the begin: %.300s", what.sort, how, each.begin.Sub(from).Seconds(), each.outcome.detail)
		}
		span, found := bounds[side]
		if !found || each.begin.Before(span[0]) {
			span[0] = each.begin
		}
		if each.end.After(span[1]) {
			span[1] = each.end
		}
		bounds[side] = span
		side.Seconds = span[1].Sub(span[0]).Seconds()
	}
	require.Empty(t, slices.Sorted(maps.Keys(wrong)), "clients got wrong answers")
	require.Empty(t, slices.Sorted(maps.Keys(unmarked)), "answers that may be retried have no Retry-After")
	require.Empty(t, s.load.informer.takeDeleted(), "an informer saw BundleDeployments as deleted that exist")
	r.GapSeconds = s.load.informer.gap(from, to).Seconds()
	r.Lists = s.load.informer.relists(from)
	return r
}

// text says what one sort of clients saw.
func (s seen) text() string {
	if s.Failed == 0 {
		return fmt.Sprintf("0 of %d failed", s.Asked)
	}
	var how []string
	for _, each := range slices.Sorted(maps.Keys(s.How)) {
		how = append(how, fmt.Sprintf("%s × %d", each, s.How[each]))
	}
	return fmt.Sprintf("%d of %d failed, in %.1f s: %s", s.Failed, s.Asked, s.Seconds, strings.Join(how, ", "))
}
