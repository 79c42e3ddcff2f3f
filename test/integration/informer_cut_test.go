// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

// delivery is one event that a reflector delivered to its store.
type delivery struct {
	what, key string
	revision  int64
}

// ledger is a store that records its deliveries.
type ledger struct {
	cache.Store
	mu struct {
		sync.Mutex
		delivered []delivery
		replaced  int
	}
}

var _ cache.ReflectorStore = (*ledger)(nil)

func newLedger() *ledger { return &ledger{Store: cache.NewStore(cache.MetaNamespaceKeyFunc)} }

func (l *ledger) enter(what string, object any) error {
	o, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	var version view.Version
	if _, err := fmt.Sscan(o.GetResourceVersion(), &version); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.delivered = append(l.mu.delivered, delivery{what, o.GetNamespace() + "/" + o.GetName(), version.Revision()})
	return nil
}

// Add implements cache.ReflectorStore, like the methods below. Each object in the store has
// been entered.
func (l *ledger) Add(object any) error {
	return errors.Join(l.enter("ADDED", object), l.Store.Add(object))
}

func (l *ledger) Update(object any) error {
	return errors.Join(l.enter("MODIFIED", object), l.Store.Update(object))
}

func (l *ledger) Delete(object any) error {
	return errors.Join(l.enter("DELETED", object), l.Store.Delete(object))
}

func (l *ledger) Replace(objects []any, revision string) error {
	l.mu.Lock()
	l.mu.replaced++
	l.mu.Unlock()
	return l.Store.Replace(objects, revision)
}

// take returns the deliveries since its last call.
func (l *ledger) take() []delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.mu.delivered
	l.mu.delivered = nil
	return out
}

// replaced returns how often a reflector has filled the store anew.
func (l *ledger) replaced() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.replaced
}

// versionsIn returns the resource versions of the objects in a store.
func versionsIn(store cache.Store) map[string]string {
	out := map[string]string{}
	for _, item := range store.List() {
		o := item.(metav1.Object) // reflectors store only these
		out[o.GetNamespace()+"/"+o.GetName()] = o.GetResourceVersion()
	}
	return out
}

// impatient is the backoff of reflectors in these tests.
var impatient = &wait.Backoff{Duration: time.Millisecond, Factor: 1.2, Steps: 20, Cap: 50 * time.Millisecond}

// reflectOver starts a reflector of all BundleDeployments over a transport.
func reflectOver(t *testing.T, s *server, w *flakyTransport) *ledger {
	t.Helper()
	c, err := versioned.NewForConfig(w.config(s))
	require.NoError(t, err)
	l := newLedger()
	lw := cache.ToListWatcherWithWatchListSemantics(deploymentsOf(c, new(atomic.Int64)), c)
	r := cache.NewReflectorWithOptions(lw, &v1alpha1.BundleDeployment{}, l, cache.ReflectorOptions{Backoff: impatient})
	go r.RunWithContext(t.Context())
	return l
}

// listedVersions returns the resource versions of all BundleDeployments, and of their list.
func listedVersions(t *testing.T, c versioned.Interface) (map[string]string, string) {
	t.Helper()
	list := listOf(t, c.FleetV1alpha1().BundleDeployments(""))
	out := map[string]string{}
	for _, d := range list.Items {
		out[d.Namespace+"/"+d.Name] = d.ResourceVersion
	}
	return out, list.ResourceVersion
}

// comesTo waits until a store holds the objects with these resource versions.
func comesTo(t *testing.T, store cache.Store, want map[string]string, title string) {
	t.Helper()
	var have map[string]string
	err := wait.PollUntilContextCancel(soon(t), 2*time.Millisecond, true, func(context.Context) (bool, error) {
		have = versionsIn(store)
		return fmt.Sprint(have) == fmt.Sprint(want), nil
	})
	require.NoError(t, err, "%s: %v instead of %v", title, have, want)
}

// once checks that nothing was delivered twice.
func once(t *testing.T, all []delivery) []delivery {
	t.Helper()
	seen := map[delivery]bool{}
	for _, e := range all {
		e.what = ""
		require.False(t, seen[e], "%v came twice", e)
		seen[e] = true
	}
	return all
}

func TestAWatchThatIsCutWithinARevisionMissesNothing(t *testing.T) {
	t.Parallel()
	s, r := own(t), replay.Rand(t)
	c := s.clientset(t)
	const clusters = 12
	for i := range clusters {
		createCluster(t, c, cluster("ns", name("c", i), "env", "prod"))
	}
	createBundle(t, c, bundle("ns", "app", "env", "prod"))
	createBundle(t, c, bundle("ns", "still", "env", "prod"))
	var whole, cutShort flakyTransport
	control, l := reflectOver(t, s, &whole), reflectOver(t, s, &cutShort)
	begun, _ := listedVersions(t, c)
	comesTo(t, control, begun, "the control")
	comesTo(t, l, begun, "the one that is cut")
	control.take()
	l.take()
	whole.made()
	cutShort.made()

	edits := []struct{ title, patch string }{
		{"modified", `{"spec":{"namespace":"one"}}`},
		{"gone", `{"spec":{"targets":[{"clusterSelector":{"matchLabels":{"env":"none"}}}]}}`},
		{"back", `{"spec":{"targets":[{"clusterSelector":{"matchLabels":{"env":"prod"}}}]}}`},
		{"modified again", `{"spec":{"namespace":"two"}}`},
	}
	cuts := 0
	for _, edit := range edits {
		// The next round undoes its edits: each edit must move all of them.
		for events := range clusters {
			bytes := []int{0, 1, 40, 1 << 20}[r.IntN(4)]
			prepare(t, c, edit.title)
			// client-go lists again after a watch of less than a second without an event.
			merge(t, c.FleetV1alpha1().Bundles("ns"), "still", fmt.Sprintf(`{"spec":{"namespace":"still-%d"}}`, cuts))
			settled, at := listedVersions(t, c)
			comesTo(t, l, settled, edit.title)
			cutShort.breaks(&cut{after: revisionOf(t, at), events: events, bytes: bytes})
			merge(t, c.FleetV1alpha1().Bundles("ns"), "app", edit.patch)
			want, _ := listedVersions(t, c)
			title := fmt.Sprintf("%s, cut after %d events and %d bytes", edit.title, events, bytes)
			comesTo(t, l, want, title)
			comesTo(t, control, want, "the control")
			cuts++
		}
	}
	// A last edit marks the end, for both.
	createBundle(t, c, bundle("ns", "mark", "env", "prod"))
	want, _ := listedVersions(t, c)
	comesTo(t, l, want, "the one that was cut")
	comesTo(t, control, want, "the control")
	mine, uncut := l.take(), control.take()

	require.Equal(t, once(t, uncut), once(t, mine), "both got the same events")
	require.Equal(t, requests{Watches: cuts}, cutShort.made(), "each cut took one watch, and no list")
	require.Zero(t, whole.made())
	require.Equal(t, 1, l.replaced())
	require.True(t, slices.ContainsFunc(mine, func(e delivery) bool { return e.what == "DELETED" && strings.HasSuffix(e.key, "/app") }))
}

// prepare makes the Bundle differ from the result of the edit with that title.
func prepare(t *testing.T, c versioned.Interface, title string) {
	t.Helper()
	env := "prod"
	if title == "back" {
		env = "none"
	}
	merge(t, c.FleetV1alpha1().Bundles("ns"), "app", fmt.Sprintf(`{"spec":{"namespace":"other","targets":[{"clusterSelector":{"matchLabels":{"env":%q}}}]}}`, env))
}
