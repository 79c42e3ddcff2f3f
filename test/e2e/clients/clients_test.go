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

// Steve's informer lists again where its watch cannot be taken up at once, as while the
// only replica is restarted: the reflector of client-go ends with each error but "too
// many requests" and "connection refused". Then it puts all that it has listed into its
// store, and Steve tells MODIFIED of each object, without a look at the resourceVersion
// (ListOptionIndexer.notifyEventModified). It does so with every API. So after a
// restart the test leaves out what Steve repeats: MODIFIED, at the very resourceVersion
// that the object had. Argo CD compares resourceVersions when it lists again
// (clusterCache.replaceResourceCache), and repeats nothing. One of its caches lists every
// second here, in place of every ten minutes: which shows that objects keep their
// resourceVersions also on a replica that was started later. They do as far back as
// history reaches: what was changed before that has, on a replica that starts, the version
// of the revision that it loads.
func TestSteveAndArgoAreToldOfEachChangeOnce(t *testing.T) {
	t.Parallel()
	m := cluster.Install(t, control, cluster.StartEtcd(t, 1, cluster.EtcdOptions{}), cluster.Options{Replicas: 1, Args: []string{"--shutdown-delay-duration=1s"}})
	waitDiscovered(t)
	f := newFleet(t)
	// The last revision before both start changes many.
	f.label(t, "changed", "tier", `"first"`)

	address := cluster.FreeAddress()
	steve := follow(t, "steve", "--listen="+address)
	argo := follow(t, "argo")
	subscriber, received, held := of(steve, ""), of(argo, "watch"), of(argo, "cache")
	everyone := []*follower{subscriber, received, held}
	// What a list shows it tells in any order: so it is only counted.
	again := follow(t, "argo", "--list-every=1s")
	hasty, listed, expected := of(again, "cache"), of(again, "list"), map[string]int{}

	// told is what each follower was told since it was called before.
	told := func() [][]event {
		version := f.mark(t)
		var out [][]event
		for _, each := range everyone {
			out = append(out, each.until(t, version))
		}
		return out
	}
	// edit makes an edit that changes BundleDeployments of one Cluster, all in one
	// revision, and returns what the subscriber was told.
	edit := func(name, key, value, kind string) []event {
		f.label(t, name, key, value)
		all := told()
		for i, events := range all {
			requireEach(t, events, kind, f.homes[name])
			if everyone[i] != held || kind != "deleted" { // the cache tells what it had
				requirePlaces(t, events)
			}
		}
		for _, e := range all[0] {
			expected[e.Type+" "+e.key()]++
		}
		require.Eventually(t, func() bool { return maps.Equal(expected, counted(hasty.told())) }, patience, tick, "what lists again differs; %s", hasty.about())
		return all[0]
	}

	for i, events := range told() {
		require.Empty(t, events, "%s is told again of what it has read", everyone[i].name)
	}
	edit("moved", "env", `"prod"`, "added")
	edit("changed", "tier", `"second"`, "modified")
	removed := edit("moved", "env", "null", "deleted")

	// One who resumes within a revision is told of the rest, and of what comes then.
	middle := resume(t, steve, address, removed[bundles/2-1].ResourceVersion)
	last := f.mark(t)
	rest := middle.until(t, last)
	subscriber.until(t, last)
	at := slices.IndexFunc(subscriber.told(), func(e event) bool { return e == removed[bundles/2] })
	require.Equal(t, subscriber.told()[at:], middle.told())
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
		all := told()
		repeats := 0
		all[0] = slices.DeleteFunc(all[0], func(e event) bool {
			if e.Type != "modified" || e.ResourceVersion != before[e.key()] {
				return false
			}
			repeats++
			return true
		})
		t.Logf("%s: Steve tells %d of %d BundleDeployments again", each.name, repeats, len(before))
		for i, events := range all {
			require.Empty(t, events, "%s, after it was %s", everyone[i].name, each.name)
		}
		edit("moved", "env", `"prod"`, "added")
		edit("moved", "env", "null", "deleted")
	}
	waitListed(t, listed)
	require.Equal(t, expected, counted(hasty.told()))
}
