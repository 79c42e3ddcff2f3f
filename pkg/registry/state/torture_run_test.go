// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state"
	"github.com/musterfleet/muster/pkg/registry/storage"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/flakyproxy"
)

// bench is what histories share, one after the other: an etcd, and the proxies of two
// replicas to it.
type bench struct {
	server  *etcdtest.Server
	proxies [2]*flakyproxy.Proxy
	clients [2]*clientv3.Client
}

func newBench(t testing.TB) *bench {
	b := &bench{server: etcdtest.Start(t)}
	for i := range b.proxies {
		b.proxies[i] = flakyproxy.Start(t, b.server.Address())
		b.clients[i] = b.server.Dial(t, b.proxies[i].Address)
	}
	return b
}

var prefixes atomic.Int64

// faultyOneIn is the number of histories per history that loses its etcd. Such histories take
// seconds, most of which they wait.
const faultyOneIn = 4

// tortured is one history while it runs.
type tortured struct {
	*recorder
	*rand.Rand
	*tally
	*bench
	ctx    context.Context //nolint:containedctx // it is that of the history
	prefix string
	log    *etcd.Log
	model  *state.Model
	// revisions are those of writes, each with the tables from that revision on.
	revisions []int64
	tables    map[int64]state.Tables
	replicas  [2]*replica
	watchers  []*watcher
	// versions are those of the changes that watches received.
	versions map[changed]view.Version
}

// replica is an engine with its stores.
type replica struct {
	engine *engine.Engine
	stores map[string]*storage.Store
	away   bool // from etcd
	stop   func()
}

// deadline is how long something immediate may take on a busy machine.
const deadline = 30 * time.Second

func (b *bench) run(r *recorder, s story, sum *tally) {
	ctx, cancel := context.WithCancel(r.Context())
	h := &tortured{
		recorder: r, tally: sum, bench: b, ctx: ctx, prefix: fmt.Sprint("/torture-", prefixes.Add(1)),
		model: state.NewModel(r), tables: map[int64]state.Tables{}, versions: map[changed]view.Version{},
	}
	h.log = etcd.New(b.server.Client, h.prefix)
	defer func() {
		cancel()
		for i, replica := range h.replicas {
			b.proxies[i].Mend()
			if replica != nil {
				replica.stop()
			}
		}
		_, _ = b.server.Client.Delete(context.Background(), h.prefix, clientv3.WithPrefix())
	}()
	h.step(s.Seed, -1)
	for i := range h.replicas {
		h.start(i)
	}
	for _, i := range s.Steps {
		h.step(s.Seed, i)
		h.act(s.Seed, i)
	}
	h.settle()
}

// step gives a step its random numbers, whichever steps came before it.
func (h *tortured) step(seed uint64, i int) {
	h.Rand = rand.New(rand.NewPCG(seed, ^uint64(i)))
}

func (h *tortured) oneIn(n int) bool { return h.IntN(n) == 0 }

// act does one step.
func (h *tortured) act(seed uint64, i int) {
	switch n := h.IntN(1000); {
	case i >= stepsOfEach+stepsToGrow:
		h.watch()
	case i >= stepsOfEach || n < 550:
		h.write(seed, i)
	case n < 690:
		h.list()
	case n < 780:
		h.watch()
	case n < 850:
		h.write(seed, i) // watches to interrupt get events
		for _, w := range h.watchers {
			if h.oneIn(3) {
				w.interrupt()
			}
		}
	case n < 925:
		for _, w := range h.watchers {
			if !w.stuck {
				w.drain(time.Millisecond)
			}
		}
	case n < 940:
		h.kill(h.IntN(len(h.replicas)))
	case n < 950:
		h.compact()
	case seed%faultyOneIn != 0: // etcd stays where it is
		h.write(seed, i)
	case n < 990:
		h.disturb(h.IntN(len(h.replicas)))
	default:
		h.restarts.Add(1)
		for i, r := range h.replicas {
			if r.away {
				// An embedded etcd does not stop while a connection is open that has not
				// said yet whether it is HTTP/1 (cmux), as one that is stalled may be.
				h.proxies[i].Cut()
			}
		}
		h.server.Restart(h.recorder)
		h.eventually("etcd is back", func() bool {
			ctx, cancel := context.WithTimeout(h.ctx, time.Second)
			defer cancel()
			_, err := h.log.Revision(ctx)
			return err == nil
		})
	}
	for _, w := range h.watchers {
		if !w.stuck && h.oneIn(2) {
			w.drain(time.Duration(h.IntN(2)) * time.Millisecond)
		}
	}
}

func (h *tortured) write(seed uint64, i int) {
	txn := h.model.Write(seed, i)
	if txn == nil {
		return
	}
	revision, ok, err := h.log.Commit(h.ctx, *txn)
	h.must(err == nil, "a commit failed: %v", err)
	h.must(ok, "etcd refuses a transaction whose guards hold")
	h.writes.Add(1)
	h.tables[revision] = h.model.Wrote(revision, txn)
	h.revisions = append(h.revisions, revision)
}

// at returns what must be seen at a revision.
func (h *tortured) at(revision int64) state.Tables {
	i, found := slices.BinarySearch(h.revisions, revision)
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return h.tables[h.revisions[i]]
}

// last returns the revision of the last write.
func (h *tortured) last() int64 {
	if len(h.revisions) == 0 {
		return 0
	}
	return h.revisions[len(h.revisions)-1]
}

// start starts a replica. Sometimes it remembers little, so that watches expire.
func (h *tortured) start(i int) {
	log := etcd.New(h.clients[i], h.prefix)
	limits := view.Limits{Revisions: []int{4, 64, 64, 64}[h.IntN(4)], Changes: 10_000}
	r := &replica{engine: engine.New(log, engine.Options{History: limits, LoadBehind: int64(h.IntN(60))}), stores: map[string]*storage.Store{}}
	for resource := range lists {
		r.stores[resource] = storage.NewObjects(resource, r.engine, log)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = r.engine.Run(ctx) })
	r.stop = func() {
		cancel()
		done.Wait()
	}
	h.replicas[i] = r
	if !h.oneIn(4) {
		h.eventually("a replica is ready", func() bool { return r.engine.Ready() == nil })
	}
}

// kill ends a replica as kill -9 does: it notifies no client.
func (h *tortured) kill(i int) {
	h.kills.Add(1)
	old := h.replicas[i]
	for _, w := range h.watchers {
		if w.on == old {
			w.close()
		}
	}
	h.proxies[i].Mend()
	old.stop()
	h.start(i)
}

// disturb takes a replica's etcd away, or returns it.
func (h *tortured) disturb(i int) {
	switch r := h.replicas[i]; {
	case r.away:
		h.proxies[i].Mend()
		r.away = false
		return
	case h.oneIn(2):
		h.proxies[i].Cut()
		h.cuts.Add(1)
	default:
		h.proxies[i].Stall()
		h.stalls.Add(1)
	}
	h.replicas[i].away = true
}

// compact removes old revisions from etcd.
func (h *tortured) compact() {
	if len(h.revisions) == 0 {
		return
	}
	_, err := h.server.Client.Compact(h.ctx, h.revisions[h.IntN(len(h.revisions))])
	h.must(err == nil || clientCompacted(err), "compaction failed: %v", err)
	h.compactions.Add(1)
}

// settle repairs everything. Then all readers must see the same.
func (h *tortured) settle() {
	for i, r := range h.replicas {
		h.proxies[i].Mend()
		r.away = false
	}
	for _, r := range h.replicas {
		h.eventually("a replica is up to date", func() bool {
			ctx, cancel := context.WithTimeout(h.ctx, time.Second)
			defer cancel()
			_, err := r.engine.Barrier(ctx)
			return err == nil
		})
		for resource := range lists {
			selection := selection{resource: resource}
			page := h.present(r, selection)
			h.must(page.revision >= h.last(), "a list is older than the last write")
			h.same(page.rows, selection.of(h.at(page.revision)), "the list of %s at the end", resource)
		}
	}
	for i, r := range h.replicas {
		err := r.engine.Audit(h.ctx, 0)
		wrong := r.engine.Stats().Differences
		h.must(err == nil && wrong == 0, "replica %d finds %d objects wrong in itself, and this error: %v", i, wrong, err)
	}
	for _, w := range h.watchers {
		w.stuck = false
		end := time.Now().Add(deadline)
		for w.drain(time.Millisecond); !w.has(h.last()); w.drain(5 * time.Millisecond) {
			if time.Now().After(end) {
				h.same(w.folded, w.of(h.at(h.last())), "the watch of %s at the end, which is at %s", w.selection, w.at)
				h.must(false, "a watch of %s does not come to an end", w.selection)
			}
			if w.closed() {
				w.resume()
			}
		}
	}
}

// present returns the present state, from a replica that waits for nothing but the machine,
// which may be busy.
func (h *tortured) present(r *replica, s selection) page {
	for end := time.Now().Add(deadline); ; {
		page, err := h.page(r, s, "", "", 0, "")
		if err == nil {
			return page
		}
		h.must(apierrors.IsTimeout(err) && time.Now().Before(end), "a list of %s at the end: %v", s.resource, err)
	}
}

func (h *tortured) eventually(what string, is func() bool) {
	require.Eventually(h.recorder, is, deadline, time.Millisecond, what)
}

// same compares rows.
func (h *tortured) same(got map[record.Name]string, want map[record.Name]string, format string, args ...any) {
	for name, text := range want {
		h.must(got[name] == text, "%s: %s is\n%s\nand should be\n%s", fmt.Sprintf(format, args...), name, got[name], text)
	}
	for name := range got {
		_, ok := want[name]
		h.must(ok, "%s: %s should not exist", fmt.Sprintf(format, args...), name)
	}
}

func clientCompacted(err error) bool {
	return errors.Is(err, etcd.ErrCompacted) || err.Error() == "etcdserver: mvcc: required revision has been compacted"
}

func version(resourceVersion string) view.Version {
	n, _ := strconv.ParseInt(resourceVersion, 10, 64)
	return view.Version(n)
}
