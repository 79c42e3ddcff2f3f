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
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
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
	t := delivery{what: what, key: o.GetNamespace() + "/" + o.GetName()}
	var version view.Version
	if _, err := fmt.Sscan(o.GetResourceVersion(), &version); err != nil {
		return err
	}
	t.revision = version.Revision()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.delivered = append(l.mu.delivered, t)
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

// contents returns the resource versions of the objects in the store.
func (l *ledger) contents() map[string]string {
	out := map[string]string{}
	for _, item := range l.List() {
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
	lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return c.FleetV1alpha1().BundleDeployments("").List(ctx, options)
		},
		WatchFuncWithContext: c.FleetV1alpha1().BundleDeployments("").Watch,
	}, c)
	r := cache.NewReflectorWithOptions(lw, &v1alpha1.BundleDeployment{}, l, cache.ReflectorOptions{Backoff: impatient})
	go r.RunWithContext(t.Context())
	return l
}

// listedVersions returns the resource versions of all BundleDeployments, and of their list.
func listedVersions(t *testing.T, c versioned.Interface) (map[string]string, string) {
	t.Helper()
	list, err := c.FleetV1alpha1().BundleDeployments("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	out := map[string]string{}
	for i := range list.Items {
		out[list.Items[i].Namespace+"/"+list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	return out, list.ResourceVersion
}

// comesTo waits until the store holds want.
func (l *ledger) comesTo(t *testing.T, want map[string]string, title string) {
	t.Helper()
	var have map[string]string
	err := wait.PollUntilContextCancel(soon(t), 2*time.Millisecond, true, func(context.Context) (bool, error) {
		have = l.contents()
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
	control.comesTo(t, begun, "the control")
	l.comesTo(t, begun, "the one that is cut")
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
	var mine, whatWas []delivery
	for _, edit := range edits {
		// The next round undoes its edits: each edit must move all of them.
		for events := range clusters {
			bytes := []int{0, 1, 40, 1 << 20}[r.IntN(4)]
			prepare(t, c, edit.title)
			// client-go lists again after a watch of less than a second without an event.
			_, err := c.FleetV1alpha1().Bundles("ns").Patch(t.Context(), "still", types.MergePatchType, fmt.Appendf(nil, `{"spec":{"namespace":"still-%d"}}`, cuts), metav1.PatchOptions{})
			require.NoError(t, err)
			settled, at := listedVersions(t, c)
			l.comesTo(t, settled, edit.title)
			cutShort.breaks(&cut{after: revisionOf(t, at), events: events, bytes: bytes})
			_, err = c.FleetV1alpha1().Bundles("ns").Patch(t.Context(), "app", types.MergePatchType, []byte(edit.patch), metav1.PatchOptions{})
			require.NoError(t, err)
			want, _ := listedVersions(t, c)
			title := fmt.Sprintf("%s, cut after %d events and %d bytes", edit.title, events, bytes)
			l.comesTo(t, want, title)
			control.comesTo(t, want, "the control")
			cuts++
		}
	}
	// A last edit marks the end, for both.
	createBundle(t, c, bundle("ns", "mark", "env", "prod"))
	want, _ := listedVersions(t, c)
	l.comesTo(t, want, "the one that was cut")
	control.comesTo(t, want, "the control")
	mine, whatWas = l.take(), control.take()

	require.Equal(t, once(t, whatWas), once(t, mine), "both got the same events")
	require.Equal(t, requests{Watches: cuts}, cutShort.made(), "each cut took one watch, and no list")
	require.Zero(t, whole.made())
	require.Equal(t, 1, l.replaced())
	require.True(t, slices.ContainsFunc(mine, func(e delivery) bool { return e.what == "DELETED" && strings.HasSuffix(e.key, "/app") }))
}

// prepare makes the Bundle differ from the result of the edit with that title.
func prepare(t *testing.T, c versioned.Interface, title string) {
	t.Helper()
	env, namespace := "prod", "other"
	if title == "back" {
		env = "none"
	}
	patch := fmt.Sprintf(`{"spec":{"namespace":%q,"targets":[{"clusterSelector":{"matchLabels":{"env":%q}}}]}}`, namespace, env)
	_, err := c.FleetV1alpha1().Bundles("ns").Patch(t.Context(), "app", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
}
