// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// pace is the time between two requests of a writer or reader: short enough that a failure
// always hits a request, long enough for two cores.
const pace = 100 * time.Millisecond

// load holds the requests of clients while replicas and etcd fail, and what the clients
// saw.
type load struct {
	fleet    fleet
	counts   []*ledger          // of labels, by Cluster
	edits    map[string]*ledger // by Bundle
	reports  []*ledger          // by Cluster
	contents *contents

	followers []*follower
	reads     atomic.Int64
	edited    atomic.Int64
	cancel    context.CancelFunc
	tasks     sync.WaitGroup
	endFollow context.CancelFunc
	following sync.WaitGroup

	mu struct {
		sync.Mutex
		failed map[string]int // reads that failed after client-go's own retries
		wrong  []string
	}
}

type way struct {
	name   string
	config *rest.Config
}

func ways(m *cluster.Muster) []way {
	return []way{{"aggregated", control.Config}, {"straight", m.Direct(control.Config)}}
}

// startLoad starts the load, and returns when every informer has synced and every writer
// has written.
func startLoad(t *testing.T, m *cluster.Muster, f fleet) *load {
	t.Helper()
	l := &load{fleet: f, edits: map[string]*ledger{}, contents: newContents()}
	l.mu.failed = map[string]int{}
	for range clusters {
		l.counts, l.reports = append(l.counts, newLedger()), append(l.reports, newLedger())
	}
	for _, name := range f.bundles() {
		l.edits[name] = newLedger()
	}
	ctx, cancel := background(t)
	l.cancel = cancel
	follow, endFollow := background(t)
	l.endFollow = endFollow
	t.Cleanup(l.end)

	for _, way := range ways(m) {
		for _, watchList := range []bool{true, false} {
			l.follow(t, follow, way, "bundledeployments", "", watchList)
		}
		l.follow(t, follow, way, "bundledeployments", f.homes[0], true)
		l.follow(t, follow, way, "bundles", "", way.name == "straight")
		l.follow(t, follow, way, "clusters", f.namespace, way.name != "straight")
	}
	for _, each := range l.followers {
		require.Eventually(t, each.informer.HasSynced, within, 20*time.Millisecond, "%s did not sync", each.name)
	}
	l.startWriters(t, ctx, m)
	l.startReaders(t, ctx, m)
	l.waitProgress(t, 2)
	return l
}

// every calls do at the load's pace until the context ends.
func (l *load) every(ctx context.Context, do func()) {
	l.tasks.Go(func() {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				do()
			}
		}
	})
}

func (l *load) startWriters(t *testing.T, ctx context.Context, m *cluster.Muster) {
	t.Helper()
	all := ways(m)
	write := func(to *ledger, do func(n int) (string, error)) {
		l.every(ctx, func() {
			_ = to.write(ctx, do) // the ledger counts the error
			l.edited.Add(1)
		})
	}
	for i := range clusters {
		c := clientset(t, all[i%2].config)
		write(l.counts[i], func(n int) (string, error) {
			out, err := l.fleet.label(ctx, c, i, n)
			return revisionOf(out, err), err
		})
		agent := clientset(t, all[(i+1)%2].config)
		write(l.reports[i], func(n int) (string, error) {
			out, err := l.fleet.report(ctx, agent, i, n)
			return revisionOf(out, err), err
		})
	}
	for i, name := range l.fleet.bundles() {
		c := clientset(t, all[i%2].config)
		write(l.edits[name], func(n int) (string, error) {
			out, err := l.fleet.edit(ctx, c, name, n)
			return revisionOf(out, err), err
		})
	}
}

func revisionOf(object interface{ GetResourceVersion() string }, err error) string {
	if err != nil {
		return ""
	}
	return object.GetResourceVersion()
}

// waitProgress waits until each writer has had so many more writes acknowledged.
func (l *load) waitProgress(t *testing.T, more int) {
	t.Helper()
	before := map[*ledger]int{}
	for _, each := range l.ledgers() {
		before[each] = each.floor()
	}
	require.Eventually(t, func() bool {
		for each, floor := range before {
			if each.floor() < floor+more {
				return false
			}
		}
		return true
	}, within, 20*time.Millisecond, "writers make no progress")
}

func (l *load) ledgers() []*ledger {
	return slices.Concat(l.counts, l.reports, slices.Collect(maps.Values(l.edits)))
}

// failRead records a read that failed for good.
func (l *load) failRead(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.failed[fmt.Sprintf("%s: %s: %.220s", what, kindOf(err), err)]++
}

// blame records a wrong answer.
func (l *load) blame(format string, args ...any) {
	const most = 20
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mu.wrong) < most {
		l.mu.wrong = append(l.mu.wrong, fmt.Sprintf(format, args...))
	}
}

func (l *load) end() {
	l.cancel()
	l.endFollow()
	l.tasks.Wait()
	l.following.Wait()
}

// finish stops the writers and readers, waits until the informers have everything, checks
// all of it and prints a line. tolerated are prefixes of failed reads that the test
// expects.
func (l *load) finish(t *testing.T, m *cluster.Muster, title string, tolerated ...string) {
	t.Helper()
	l.cancel()
	l.tasks.Wait()
	l.checkEnd(t, m)
	l.endFollow()
	l.following.Wait()
	for _, each := range l.followers {
		each.checkGaps()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	failed := 0
	for what, n := range l.mu.failed {
		if !slices.ContainsFunc(tolerated, func(kind string) bool { return strings.Contains(what, kind) }) {
			t.Errorf("%d reads failed after client-go's own retries: %s", n, what)
		}
		failed += n
	}
	for _, wrong := range l.mu.wrong {
		t.Error(wrong)
	}
	t.Logf("SUMMARY %s: %s", title, l.summaryLocked(failed))
}

func (l *load) summaryLocked(failed int) string {
	var events, streams, relists, expired, broken, refusals int
	for _, each := range l.followers {
		c := each.counts()
		events, streams, relists, expired = events+c.events, streams+c.streams, relists+c.relists, expired+c.expired
		broken, refusals = broken+c.broken, refusals+c.refused
	}
	acked, lost := 0, map[string]int{}
	for _, each := range l.ledgers() {
		acked += each.summarize(lost)
	}
	return fmt.Sprintf("%d informers, %d events, %d watches opened (%d refused at first), %d lists and states (%d after 410, %d after a broken response); "+
		"%d reads, %d failed; %d writes acknowledged of %d, errors of writes %v, failed reads %v; %d answers or events wrong, missing or out of order",
		len(l.followers), events, streams, refusals, relists, expired, broken, l.reads.Load(), failed, acked, l.edited.Load(), lost, l.mu.failed, len(l.mu.wrong))
}
