// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// contents records what every object was at every resourceVersion that a client saw: it may
// not be two different things.
type contents struct {
	mu struct {
		sync.Mutex
		seen map[uint64]uint64
	}
}

func newContents() *contents {
	c := &contents{}
	c.mu.seen = map[uint64]uint64{}
	return c
}

// note returns a digest of the object without its resourceVersion.
func (c *contents) note(o *unstructured.Unstructured) (digest uint64, err error) {
	content := o.DeepCopy()
	content.SetResourceVersion("")
	text, err := content.MarshalJSON()
	if err != nil {
		return 0, err
	}
	digest = hash(string(text))
	key := hash(o.GetKind(), o.GetNamespace(), o.GetName(), o.GetResourceVersion())
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, known := c.mu.seen[key]; known && before != digest {
		return digest, fmt.Errorf("%s %s/%s has two contents at resourceVersion %s", o.GetKind(), o.GetNamespace(), o.GetName(), o.GetResourceVersion())
	}
	c.mu.seen[key] = digest
	return digest, nil
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, part := range parts {
		_, _ = h.Write([]byte(part + "\x00")) // never fails
	}
	return h.Sum64()
}

// bounds hold the possible values of counters.
type bounds struct {
	counts, reports []int
	edits           map[string]int
}

func (l *load) bounds(of func(*ledger) int) bounds {
	b := bounds{edits: map[string]int{}}
	for i := range clusters {
		b.counts, b.reports = append(b.counts, of(l.counts[i])), append(b.reports, of(l.reports[i]))
	}
	for name, ledger := range l.edits {
		b.edits[name] = of(ledger)
	}
	return b
}

func (l *load) floors() bounds   { return l.bounds((*ledger).floor) }
func (l *load) ceilings() bounds { return l.bounds((*ledger).ceiling) }

// anything returns the bounds of a read without a minimum age.
func (l *load) anything() bounds { return l.bounds(func(*ledger) int { return 0 }) }

// checkOne returns an error if a BundleDeployment is wrong; o is nil if it does not exist.
func (l *load) checkOne(cluster int, bundle string, o *unstructured.Unstructured, low, high bounds) error {
	where := fmt.Sprintf("%s on %s", bundle, clusterName(cluster))
	if o == nil {
		for n := low.counts[cluster]; n <= high.counts[cluster]; n++ {
			if !deployed(bundle, n) && !l.counts[cluster].wasRefused(n) {
				return nil
			}
		}
		return fmt.Errorf("%s does not exist, and should at every count from %d to %d", where, low.counts[cluster], high.counts[cluster])
	}
	if _, err := l.contents.note(o); err != nil {
		return err
	}
	s, err := readShown(o)
	if err != nil {
		return err
	}
	if !deployed(bundle, s.count) {
		return fmt.Errorf("%s exists at count %d", where, s.count)
	}
	for _, each := range []struct {
		name          string
		got, low, top int
		ledger        *ledger
	}{
		{"count", s.count, low.counts[cluster], high.counts[cluster], l.counts[cluster]},
		{"edit", s.edit, low.edits[bundle], high.edits[bundle], l.edits[bundle]},
		{"report", s.report, low.reports[cluster], high.reports[cluster], l.reports[cluster]},
	} {
		if each.name == "report" && bundle != everywhere {
			continue
		}
		if each.got < each.low || each.got > each.top {
			return fmt.Errorf("%s: %s is %d, and must be from %d to %d", where, each.name, each.got, each.low, each.top)
		}
		if each.ledger.wasRefused(each.got) {
			return fmt.Errorf("%s: %s is %d, and that write was reported as not done", where, each.name, each.got)
		}
	}
	return nil
}

// checkList checks a list of all BundleDeployments against the brute-force expectation, and
// that it is the state of one moment.
func (l *load) checkList(list *unstructured.UnstructuredList, low, high bounds) error {
	byKey := map[string]*unstructured.Unstructured{}
	for i := range list.Items {
		byKey[key(&list.Items[i])] = &list.Items[i]
	}
	expected, edits := 0, map[string]int{}
	for i := range clusters {
		counts := map[int]bool{}
		for _, bundle := range l.fleet.bundles() {
			item := byKey[l.fleet.homes[i]+"/"+bundle]
			if err := l.checkOne(i, bundle, item, low, high); err != nil {
				return err
			}
			if item == nil {
				continue
			}
			expected++
			s, err := readShown(item)
			if err != nil {
				return err
			}
			counts[s.count] = true
			if edit, known := edits[bundle]; known && edit != s.edit {
				return fmt.Errorf("one list shows edits %d and %d of %s", edit, s.edit, bundle)
			}
			edits[bundle] = s.edit
		}
		if len(counts) > 1 {
			return fmt.Errorf("one list shows counts %v of %s", counts, clusterName(i))
		}
		for n := range counts {
			for _, bundle := range l.fleet.bundles() {
				if there := byKey[l.fleet.homes[i]+"/"+bundle] != nil; there != deployed(bundle, n) {
					return fmt.Errorf("a list at count %d of %s: %s exists: %v", n, clusterName(i), bundle, there)
				}
			}
		}
	}
	for key := range byKey {
		if _, known := l.ours(key); known {
			expected--
		}
	}
	if expected != 0 {
		return fmt.Errorf("a list has %d BundleDeployments too many", -expected)
	}
	return nil
}

// ours reports whether a key is of a BundleDeployment of the fleet, and returns its
// Cluster.
func (l *load) ours(key string) (cluster int, known bool) {
	for i := range clusters {
		if strings.HasPrefix(key, l.fleet.homes[i]+"/") {
			return i, true
		}
	}
	return 0, false
}

func (l *load) startReaders(t *testing.T, ctx context.Context, m *cluster.Muster) {
	t.Helper()
	for _, way := range ways(m) {
		getter, lister, floor := dynamicClient(t, way.config), dynamicClient(t, way.config), dynamicClient(t, way.config)
		var gets, floors int
		var newest int64
		l.every(ctx, func() {
			gets++
			l.get(ctx, way.name, getter, gets)
		})
		l.every(ctx, func() { newest = l.list(ctx, way.name, lister, newest) })
		l.every(ctx, func() {
			floors++
			l.listNotOlder(ctx, way.name, floor, floors)
		})
	}
}

// get reads one BundleDeployment, at "" and every third time at "0".
func (l *load) get(ctx context.Context, way string, c dynamic.Interface, turn int) {
	names := l.fleet.bundles()
	i, bundle := turn%clusters, names[turn/clusters%len(names)]
	low, options := l.floors(), metav1.GetOptions{}
	if turn%3 == 0 {
		low, options.ResourceVersion = l.anything(), "0"
	}
	o, err := c.Resource(resource("bundledeployments")).Namespace(l.fleet.homes[i]).Get(ctx, bundle, options)
	if apierrors.IsNotFound(err) {
		o, err = nil, nil
	}
	if err != nil {
		l.failRead(ctx, way+" GET", err)
		return
	}
	l.reads.Add(1)
	if err := l.checkOne(i, bundle, o, low, l.ceilings()); err != nil {
		l.blame("%s GET at %q: %v", way, options.ResourceVersion, err)
	}
}

// list lists everything at "", and returns the revision, which never goes back.
func (l *load) list(ctx context.Context, way string, c dynamic.Interface, newest int64) int64 {
	low := l.floors()
	list, err := c.Resource(resource("bundledeployments")).List(ctx, metav1.ListOptions{})
	if err != nil {
		l.failRead(ctx, way+" LIST", err)
		return newest
	}
	l.reads.Add(1)
	if err := l.checkList(list, low, l.ceilings()); err != nil {
		l.blame("%s LIST at %s: %v", way, list.GetResourceVersion(), err)
	}
	revision, err := strconv.ParseInt(list.GetResourceVersion(), 10, 64)
	if err != nil || revision < newest {
		l.blame("%s LIST went from revision %d to %q (%v)", way, newest, list.GetResourceVersion(), err)
	}
	return revision
}

// listNotOlder lists with an acknowledged write as the minimum, or anything at "0".
func (l *load) listNotOlder(ctx context.Context, way string, c dynamic.Interface, turn int) {
	low, options := l.anything(), metav1.ListOptions{ResourceVersion: "0"}
	i := turn % clusters
	if floor, revision := l.counts[i].floor(), l.counts[i].revision(); turn%2 == 0 && revision != "" {
		low.counts[i] = floor
		options = metav1.ListOptions{ResourceVersion: revision, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}
	}
	list, err := c.Resource(resource("bundledeployments")).List(ctx, options)
	if err != nil {
		l.failRead(ctx, way+" LIST at "+string(options.ResourceVersionMatch)+"0", err)
		return
	}
	l.reads.Add(1)
	if err := l.checkList(list, low, l.ceilings()); err != nil {
		l.blame("%s LIST %s %s: %v", way, options.ResourceVersionMatch, options.ResourceVersion, err)
	}
}

// checkEnd runs after the last write. It checks that every counter has its acknowledged
// value, and that every informer equals a list.
func (l *load) checkEnd(t *testing.T, m *cluster.Muster) {
	t.Helper()
	low, high := l.floors(), l.ceilings()
	c := dynamicClient(t, m.Direct(control.Config))
	list, err := c.Resource(resource("bundledeployments")).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.NoError(t, l.checkList(list, low, high))
	for _, each := range l.followers {
		each.checkEnd(t, c)
	}
}
