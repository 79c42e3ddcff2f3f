// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// follower is an informer of client-go's with a record of what it received: the fold of the
// events, and their faults.
type follower struct {
	name      string
	load      *load
	plural    string
	namespace string
	client    dynamic.ResourceInterface
	informer  cache.SharedIndexInformer
	mu        struct {
		sync.Mutex
		followed
		current  *stream
		fold     map[string]uint64 // digest by key
		revision map[string]int64  // the last one seen, also of deleted keys
		last     map[string]shown
		gaps     []gap
	}
}

// followed holds the counts of a summary.
type followed struct{ events, streams, relists, expired, broken, refused int }

// brokenOff is client-go's error for a response that breaks off, after which an informer
// lists again. kube-apiserver's proxy breaks off a response when the server behind it does.
const brokenOff = "unable to decode an event from the watch stream"

type stream struct {
	resumed int64 // where it began; -1 if it began with a state
	at      int64
	initial map[string]*unstructured.Unstructured // until the state is complete
}

// gap is a jump of a counter between two consecutive events.
type gap struct {
	ledger   *ledger
	what     string
	from, to int
}

func (l *load) follow(t *testing.T, ctx context.Context, way way, plural, namespace string, watchList bool) {
	t.Helper()
	f := &follower{load: l, plural: plural, namespace: namespace, name: fmt.Sprintf("%s informer of %s in %q, watch-list %v", way.name, plural, namespace, watchList)}
	f.mu.fold, f.mu.revision, f.mu.last = map[string]uint64{}, map[string]int64{}, map[string]shown{}
	client := dynamicClient(t, way.config)
	if f.client = client.Resource(resource(plural)); namespace != "" {
		f.client = client.Resource(resource(plural)).Namespace(namespace)
	}
	requests := &cache.ListWatch{ListWithContextFunc: f.list, WatchFuncWithContext: f.watch}
	var marker any = client
	if !watchList {
		marker = oldFashioned{}
	}
	f.informer = cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(requests, marker), &unstructured.Unstructured{}, 0, nil)
	l.followers = append(l.followers, f)
	l.following.Go(func() { f.informer.RunWithContext(ctx) })
}

// oldFashioned is a client that lists before it watches.
type oldFashioned struct{}

// IsWatchListSemanticsUnSupported returns true, which client-go checks.
func (oldFashioned) IsWatchListSemanticsUnSupported() bool { return true }

func (f *follower) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := f.client.List(ctx, options)
	if err != nil {
		// The server may refuse to continue an older list.
		if !apierrors.IsResourceExpired(err) {
			f.load.failRead(ctx, f.name+" LIST", err)
		}
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.relists++
	state := map[string]*unstructured.Unstructured{}
	for i := range list.Items {
		state[key(&list.Items[i])] = &list.Items[i]
	}
	f.replaceLocked(state)
	return list, nil
}

func (f *follower) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	w, err := f.client.Watch(ctx, options)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			f.mu.refused++
		}
		return nil, err
	}
	s := &stream{resumed: -1}
	if options.SendInitialEvents != nil && *options.SendInitialEvents {
		s.initial = map[string]*unstructured.Unstructured{}
		f.mu.relists++
	} else if s.resumed, err = strconv.ParseInt(options.ResourceVersion, 10, 64); err != nil {
		f.load.blame("%s: a watch from %q: %v", f.name, options.ResourceVersion, err)
	}
	s.at = s.resumed
	f.mu.streams++
	f.mu.current = s
	relay := &relayed{from: w, out: make(chan watch.Event), done: make(chan struct{})}
	go f.relay(s, relay)
	return relay, nil
}

// relayed is a watch whose events are recorded when the informer takes them.
type relayed struct {
	from watch.Interface
	out  chan watch.Event
	done chan struct{}
	once sync.Once
}

// ResultChan implements watch.Interface.
func (r *relayed) ResultChan() <-chan watch.Event { return r.out }

// Stop implements watch.Interface.
func (r *relayed) Stop() {
	r.once.Do(func() { close(r.done) })
	r.from.Stop()
}

func (f *follower) relay(s *stream, r *relayed) {
	defer close(r.out)
	for e := range r.from.ResultChan() {
		if !f.hand(s, r, e) {
			return
		}
	}
}

// hand gives an event to the informer and records it. An event that the informer did not
// take is not part of what it knows, and will come again. The lock keeps the record of the
// next watch after this one's. A caller that stops a watch first closes done.
func (f *follower) hand(s *stream, r *relayed, e watch.Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case r.out <- e:
		f.takeLocked(s, e)
		return true
	case <-r.done:
		return false
	}
}

func (f *follower) takeLocked(s *stream, e watch.Event) {
	o, ok := e.Object.(*unstructured.Unstructured)
	if e.Type == watch.Error || !ok {
		switch err := apierrors.FromObject(e.Object); {
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			f.mu.expired++
		case strings.Contains(err.Error(), brokenOff):
			f.mu.broken++
		default:
			f.load.blame("%s: the watch ended with %v", f.name, err)
		}
		return
	}
	revision, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
	if err != nil {
		f.load.blame("%s: %v", f.name, err)
		return
	}
	if e.Type == watch.Bookmark {
		if revision < s.at {
			f.load.blame("%s: a bookmark went from revision %d to %d", f.name, s.at, revision)
		}
		s.at = revision
		if o.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			f.replaceLocked(s.initial)
			s.initial = nil
		}
		return
	}
	if s.initial != nil {
		s.initial[key(o)] = o
		return
	}
	if revision <= s.at {
		f.load.blame("%s: events went from revision %d to %d", f.name, s.at, revision)
	}
	s.at = revision
	f.applyLocked(s, e.Type, o, revision)
}

func (f *follower) applyLocked(s *stream, kind watch.EventType, o *unstructured.Unstructured, revision int64) {
	k := key(o)
	f.mu.events++
	last, seen := f.mu.revision[k]
	switch {
	case seen && revision < last:
		f.load.blame("%s: %s went back from revision %d to %d", f.name, k, last, revision)
	case seen && revision == last:
		f.load.blame("%s: %s came twice at %d, and the watch began at %d", f.name, k, revision, s.resumed)
	}
	f.mu.revision[k] = revision
	digest, err := f.load.contents.note(o)
	if err != nil && kind != watch.Deleted {
		f.load.blame("%s: %v", f.name, err)
	}
	before, had := f.mu.fold[k]
	switch {
	case kind == watch.Deleted:
		if !had {
			f.load.blame("%s: %s was deleted twice, at last at %d", f.name, k, revision)
		}
		delete(f.mu.fold, k)
		delete(f.mu.last, k)
		return
	case kind == watch.Added && had:
		f.load.blame("%s: %s was added twice, at last at %d", f.name, k, revision)
	case kind == watch.Modified && !had:
		f.load.blame("%s: %s was modified at %d before it was added", f.name, k, revision)
	case had && before == digest:
		f.load.blame("%s: %s was modified at %d without a change", f.name, k, revision)
	}
	f.mu.fold[k] = digest
	f.countLocked(k, o, had)
}

// countLocked records the counts that a counter skipped.
func (f *follower) countLocked(k string, o *unstructured.Unstructured, had bool) {
	cluster, known := f.load.ours(k)
	if f.plural != "bundledeployments" || !known {
		return
	}
	now, err := readShown(o)
	if err != nil {
		f.load.blame("%s: %v", f.name, err)
		return
	}
	last := f.mu.last[k]
	f.mu.last[k] = now
	if !had {
		return
	}
	for _, each := range []gap{
		{f.load.counts[cluster], "count", last.count, now.count},
		{f.load.edits[o.GetName()], "edit", last.edit, now.edit},
		{f.load.reports[cluster], "report", last.report, now.report},
	} {
		if o.GetName() != everywhere && each.what == "report" {
			continue
		}
		if each.to < each.from {
			f.load.blame("%s: %s went back from %s %d to %d", f.name, k, each.what, each.from, each.to)
		}
		if each.to > each.from+1 {
			each.what = k + " " + each.what
			f.mu.gaps = append(f.mu.gaps, each)
		}
	}
}

// replaceLocked takes a new state, after a list.
func (f *follower) replaceLocked(state map[string]*unstructured.Unstructured) {
	clear(f.mu.fold)
	clear(f.mu.last)
	for k, o := range state {
		digest, err := f.load.contents.note(o)
		if err != nil {
			f.load.blame("%s: %v", f.name, err)
		}
		f.mu.fold[k] = digest
		if revision, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64); err == nil {
			f.mu.revision[k] = max(revision, f.mu.revision[k])
		}
		f.countLocked(k, o, false)
	}
}

// checkGaps reports the acknowledged writes that an informer never saw. It runs when all
// acknowledgements are known.
func (f *follower) checkGaps() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, each := range f.mu.gaps {
		if missed := each.ledger.missed(each.from, each.to); len(missed) > 0 {
			f.load.blame("%s: %s went from %d to %d and missed %v", f.name, each.what, each.from, each.to, missed)
		}
	}
}

func (f *follower) counts() followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.followed
}

// checkEnd waits until the fold and the informer's store equal a list. It lists each time,
// because a write that its client gave up may still be committed.
func (f *follower) checkEnd(t *testing.T, c dynamic.Interface) {
	t.Helper()
	for _, held := range []struct {
		name string
		get  func() map[string]uint64
	}{{f.name, f.folded}, {"the store of " + f.name, f.stored}} {
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			list, err := c.Resource(resource(f.plural)).Namespace(f.namespace).List(context.Background(), metav1.ListOptions{})
			if !assert.NoError(t, err) {
				return
			}
			want := map[string]uint64{}
			for i := range list.Items {
				if want[key(&list.Items[i])], err = f.load.contents.note(&list.Items[i]); err != nil {
					f.load.blame("%v", err)
				}
			}
			assert.Equal(t, want, held.get())
		}, within, 100*time.Millisecond, held.name)
	}
}

func (f *follower) folded() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.mu.fold)
}

// stored returns the contents of the informer's store, which is behind the fold.
func (f *follower) stored() map[string]uint64 {
	out := map[string]uint64{}
	for _, each := range f.informer.GetStore().List() {
		o := each.(*unstructured.Unstructured)
		digest, err := f.load.contents.note(o)
		if err != nil {
			f.load.blame("%v", err)
		}
		out[key(o)] = digest
	}
	return out
}

func key(o *unstructured.Unstructured) string { return o.GetNamespace() + "/" + o.GetName() }
