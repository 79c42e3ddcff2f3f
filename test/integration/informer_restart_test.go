// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// tenThousand creates 10,000 BundleDeployments: of 100 Bundles on 100 Clusters.
func tenThousand(t *testing.T, s *server) {
	t.Helper()
	const each = 100
	var all sync.WaitGroup
	for part := range 4 {
		c := s.clientset(t)
		all.Go(func() {
			for i := part; i < each; i += 4 {
				_, err := c.FleetV1alpha1().Clusters("ns").Create(t.Context(), cluster("ns", name("c", i), "env", "prod"), metav1.CreateOptions{})
				if err == nil {
					_, err = c.FleetV1alpha1().Bundles("ns").Create(t.Context(), bundle("ns", name("app", i), "env", "prod"), metav1.CreateOptions{})
				}
				if err != nil {
					t.Errorf("fleet %d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
	require.False(t, t.Failed())
}

// port returns the port of the server.
func (s *server) port(t *testing.T) int {
	t.Helper()
	address, err := url.Parse(s.config.Host)
	require.NoError(t, err)
	port, err := strconv.Atoi(address.Port())
	require.NoError(t, err)
	return port
}

// move changes all BundleDeployments of a Bundle, and returns the revision.
func move(t *testing.T, c versioned.Interface, bundle, namespace string) int64 {
	t.Helper()
	return revisionOf(t, merge(t, c.FleetV1alpha1().Bundles("ns"), bundle, `{"spec":{"namespace":"`+namespace+`"}}`).ResourceVersion)
}

// follower returns a reflector that has all 10,000, and its transport.
func follower(t *testing.T, s *server) (*ledger, *flakyTransport) {
	t.Helper()
	var w flakyTransport
	l := reflectOver(t, s, &w)
	want, _ := listedVersions(t, s.clientset(t))
	require.Len(t, want, 10_000)
	comesTo(t, l, want, "the first state")
	require.Equal(t, requests{WatchLists: 1}, w.made())
	// With any server, client-go lists anew if a watch ends within its first second and
	// before its first event.
	move(t, s.clientset(t), name("app", 0), "first")
	want, _ = listedVersions(t, s.clientset(t))
	comesTo(t, l, want, "the first event")
	l.take()
	return l, &w
}

func TestAReflectorSurvivesARestartWithoutARelist(t *testing.T) {
	t.Parallel()
	other := own(t)
	tenThousand(t, other)
	dataDir := t.TempDir()
	s := other.replicaOn(t, dataDir, 0)
	port := s.port(t)
	l, w := follower(t, s)
	c := other.clientset(t)
	var revisions []int64
	for round := range 3 {
		// A revision may be in transit while the server stops.
		revisions = append(revisions, move(t, c, name("app", round), fmt.Sprint("before-", round)))
		s.stop(t)
		revisions = append(revisions, move(t, c, name("app", round), fmt.Sprint("while-", round)),
			revisionOf(t, label(t, c, "ns", name("c", round), "env", "gone").ResourceVersion),
			revisionOf(t, createCluster(t, c, cluster("ns", name("new", round), "env", "prod")).ResourceVersion))
		s = other.replicaOn(t, dataDir, port)
		revisions = append(revisions, move(t, c, name("app", round), fmt.Sprint("after-", round)))
		want, _ := listedVersions(t, c)
		comesTo(t, l, want, "after a restart")
	}
	w.survived(t, l, revisions)
}

// survived checks that a reflector got each revision of a hundred changes once, and that it
// continued without a list.
func (w *flakyTransport) survived(t *testing.T, l *ledger, revisions []int64) {
	t.Helper()
	made := w.made()
	require.Zero(t, made.Lists, "%+v", made)
	require.Zero(t, made.WatchLists, "%+v", made)
	require.NotZero(t, made.Watches, "the reflector did not notice")
	delivered := map[int64]int{}
	for _, e := range once(t, l.take()) {
		delivered[e.revision]++
	}
	for _, revision := range revisions {
		require.Equal(t, 100, delivered[revision], "revision %d", revision)
	}
	require.Equal(t, 1, l.replaced(), "its store was never filled anew")
}

func TestAReflectorSurvivesAKilledServerWithoutARelist(t *testing.T) {
	t.Parallel()
	dataDir := t.TempDir()
	s, kill := process(t, dataDir, 0)
	port := s.port(t)
	tenThousand(t, s)
	l, w := follower(t, s)
	var revisions []int64
	for round := range 2 {
		// The server is killed while it sends the last of these.
		for i := range 3 {
			revisions = append(revisions, move(t, s.clientset(t), name("app", i), fmt.Sprint("before-", round)))
		}
		kill()
		s, kill = process(t, dataDir, port)
		for i := range 3 {
			revisions = append(revisions, move(t, s.clientset(t), name("app", i), fmt.Sprint("after-", round)))
		}
		want, _ := listedVersions(t, s.clientset(t))
		comesTo(t, l, want, "after a kill")
	}
	w.survived(t, l, revisions)
}
