// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/bench/site"
)

func TestAnEditIsOverWithItsLastEvent(t *testing.T) {
	t.Parallel()
	c := &counter{arrived: make(chan struct{}, 1)}
	c.target.Add(2)
	c.note(site.Event{Type: "MODIFIED"})
	c.note(site.Event{Type: "BOOKMARK"})
	require.Empty(t, c.arrived)
	c.note(site.Event{Type: "ADDED"})
	require.Len(t, c.arrived, 1)
	c.note(site.Event{Type: "MODIFIED"})
	require.EqualValues(t, 1, c.events.Load()-c.target.Load(), "one too many is not forgotten")
}

func TestEventsAreThoseOfAllThatWatch(t *testing.T) {
	t.Parallel()
	o := Options{Agents: 10_001, Watches: 100}
	ring, all := o.kinds()[0], o.kinds()[1]
	require.EqualValues(t, 1001, o.moved(ring), "the first Cluster of each ten, and the one that is left")
	require.EqualValues(t, 10_001, o.moved(all))
	require.EqualValues(t, 10_001*101, o.events(all))
	n, _, err := Options{Agents: 1, Watches: 1}.shared()
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, text, err := Options{Agents: 10 << 20, Watches: 1}.shared()
	require.NoError(t, err)
	require.Greater(t, n, 1)
	require.Contains(t, text, "over one connection")
}
