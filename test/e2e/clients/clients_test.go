// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// TestSteveAndArgoGetEachChangeOnce follows BundleDeployments with both caches while
// Clusters are labelled and the only replica is restarted.
//
// Steve's informer lists again when its watch cannot resume at once, as during the restart:
// client-go's reflector gives up on every error but "too many requests" and "connection
// refused". Steve then sends MODIFIED for each listed object and does not compare
// resourceVersions (ListOptionIndexer.notifyEventModified). It does so with every API. So
// after the restart the test ignores MODIFIED events that repeat a resourceVersion.
//
// Argo CD compares resourceVersions when it lists again (clusterCache.replaceResourceCache),
// and repeats nothing. One of its caches lists every second here, not every ten minutes. This
// shows that objects keep their resourceVersions on a replica that started later, as far
// back as its history reaches. An object that changed before that has the version of the
// revision that the replica loaded.
func TestSteveAndArgoGetEachChangeOnce(t *testing.T) {
	t.Parallel()
	m := cluster.Install(t, control, cluster.StartEtcd(t, 1, cluster.EtcdOptions{}), cluster.Options{Replicas: 1, Args: []string{"--shutdown-delay-duration=1s"}})
	waitDiscovered(t)
	f := newFleet(t)
	// The last revision before both start changes many objects.
	f.label(t, "changed", "tier", `"first"`)

	address := cluster.FreeAddress()
	steve := follow(t, "steve", "--listen="+address)
	argo := follow(t, "argo")
	subscriber, received, held := of(steve, ""), of(argo, "watch"), of(argo, "cache")
	followers := []*follower{subscriber, received, held}
	// It reports the objects of a list in any order, so the test only counts them.
	again := follow(t, "argo", "--list-every=1s")
	hasty, listed, expected := of(again, "cache"), of(again, "list"), map[string]int{}

	// delivered returns the events of each follower since the last call.
	delivered := func() [][]event {
		version := f.mark(t)
		var out [][]event
		for _, each := range followers {
			out = append(out, each.until(t, version))
		}
		return out
	}
	// edit makes an edit that changes BundleDeployments of one Cluster, all in one
	// revision, and returns the events of the subscriber.
	edit := func(name, key, value, kind string) []event {
		f.label(t, name, key, value)
		all := delivered()
		for i, events := range all {
			requireEach(t, events, kind, f.homes[name])
			if followers[i] != held || kind != "deleted" { // the cache reports the object that it held
				requirePlaces(t, events)
			}
		}
		for _, e := range all[0] {
			expected[e.Type+" "+e.key()]++
		}
		require.Eventually(t, func() bool { return maps.Equal(expected, counted(hasty.delivered())) }, patience, tick, "the cache that lists again differs; %s", hasty.about())
		return all[0]
	}

	for i, events := range delivered() {
		require.Empty(t, events, "%s gets an event again that it had read", followers[i].name)
	}
	edit("moved", "env", `"prod"`, "added")
	edit("changed", "tier", `"second"`, "modified")
	removed := edit("moved", "env", "null", "deleted")

	// A subscriber that resumes within a revision gets the rest of it, and what follows.
	middle := resume(t, steve, address, removed[bundles/2-1].ResourceVersion)
	last := f.mark(t)
	rest := middle.until(t, last)
	subscriber.until(t, last)
	at := slices.IndexFunc(subscriber.delivered(), func(e event) bool { return e == removed[bundles/2] })
	require.Equal(t, subscriber.delivered()[at:], middle.delivered())
	require.Equal(t, removed[bundles/2:], rest[:bundles/2])
	for _, each := range []*follower{received, held} {
		require.Empty(t, each.until(t, last))
	}

	for _, each := range []struct {
		name    string
		disturb func()
	}{
		{"restarted", func() {
			r := m.Replicas()[0]
			r.Stop(t)
			r.Start(t)
		}},
		{"replaced", func() { m.Roll(t) }},
	} {
		before := f.versions(t)
		each.disturb()
		m.WaitReady(t)
		m.WaitAvailable(t)
		require.Equal(t, before, f.versions(t), "the same resourceVersions after it was %s", each.name)
		waitListed(t, listed)
		all := delivered()
		repeats := 0
		all[0] = slices.DeleteFunc(all[0], func(e event) bool {
			if e.Type != "modified" || e.ResourceVersion != before[e.key()] {
				return false
			}
			repeats++
			return true
		})
		t.Logf("%s: Steve repeats %d of %d BundleDeployments", each.name, repeats, len(before))
		for i, events := range all {
			require.Empty(t, events, "%s, after it was %s", followers[i].name, each.name)
		}
		edit("moved", "env", `"prod"`, "added")
		edit("moved", "env", "null", "deleted")
	}
	waitListed(t, listed)
	require.Equal(t, expected, counted(hasty.delivered()))
}
