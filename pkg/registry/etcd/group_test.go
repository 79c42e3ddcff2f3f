// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/flakyproxy"
)

// sizes records the sizes of the groups that were sent.
type sizes struct {
	mu   sync.Mutex
	sent []int
	do   map[int]func()
}

func (s *sizes) Observe(n float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, int(n))
	if do := s.do[int(n)]; do != nil {
		do()
	}
}

// on sets a function to call right before a group of size n is sent.
func (s *sizes) on(n int, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do = map[int]func(){n: do}
}

func (s *sizes) all() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// sends counts the transactions that a client has written to its connection. A transaction
// whose connection breaks before that waits for the next connection.
type sends struct{ sent atomic.Int64 }

type ofTxn struct{}

// TagRPC implements stats.Handler.
func (c *sends) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, ofTxn{}, info.FullMethodName == "/etcdserverpb.KV/Txn")
}

// HandleRPC implements stats.Handler.
func (c *sends) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, sent := s.(*stats.OutPayload); sent && ctx.Value(ofTxn{}) == true {
		c.sent.Add(1)
	}
}

// TagConn implements stats.Handler.
func (c *sends) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (c *sends) HandleConn(context.Context, stats.ConnStats) {}

type result struct {
	revision int64
	ok       bool
	err      error
}

// traffic is a log with a connection to etcd that can be stalled, so that writes gather.
type traffic struct {
	t     *testing.T
	proxy *flakyproxy.Proxy
	log   *etcd.Log
	sizes *sizes
	sends *sends
	first []chan result
}

func newTraffic(t *testing.T, adjust ...func(*embed.Config)) *traffic {
	t.Helper()
	server := etcdtest.Start(t, adjust...)
	tr := &traffic{t: t, proxy: flakyproxy.Start(t, server.Address()), sizes: new(sizes), sends: new(sends)}
	tr.log = etcd.New(server.Dial(t, tr.proxy.Address, grpc.WithStatsHandler(tr.sends)), "/muster", etcd.GroupsObservedBy(tr.sizes))
	return tr
}

const tick = time.Millisecond

// underWay is the number of groups that are sent at the same time.
const underWay = 2

// hold makes later writes wait: it stalls the connection, and sends as many groups as may be
// under way.
func (tr *traffic) hold() {
	tr.t.Helper()
	_, err := tr.log.Revision(tr.t.Context())
	require.NoError(tr.t, err, "it is connected")
	tr.proxy.Stall()
	tr.sends.sent.Store(0)
	for i := range underWay {
		tr.first = append(tr.first, tr.start(tr.t.Context(), put(fmt.Sprintf("first-%d", i))))
		tr.sent(i + 1)
	}
}

func (tr *traffic) sent(n int) {
	tr.t.Helper()
	require.Eventually(tr.t, func() bool { return len(tr.sizes.all()) == n && tr.sends.sent.Load() == int64(n) }, deadline, tick)
}

func (tr *traffic) start(ctx context.Context, txn etcd.Txn) chan result {
	done := make(chan result, 1)
	go func() {
		revision, ok, err := tr.log.CommitTogether(ctx, txn)
		done <- result{revision, ok, err}
	}()
	return done
}

// gather starts writes in this order. They wait for the next group.
func (tr *traffic) gather(txns ...etcd.Txn) []chan result {
	tr.t.Helper()
	var out []chan result
	for _, txn := range txns {
		before := etcd.Waiting(tr.log)
		out = append(out, tr.start(tr.t.Context(), txn))
		require.Eventually(tr.t, func() bool { return etcd.Waiting(tr.log) == before+1 }, deadline, tick)
	}
	return out
}

// release lets everything through, and checks that the first groups were written.
func (tr *traffic) release() {
	tr.t.Helper()
	tr.proxy.Mend()
	tr.written(tr.first)
}

// written waits for the results of writes, requires that all were written, and returns their
// revisions.
func (tr *traffic) written(writes []chan result) []int64 {
	tr.t.Helper()
	var revisions []int64
	for _, each := range writes {
		r := <-each
		require.NoError(tr.t, r.err)
		require.True(tr.t, r.ok)
		revisions = append(revisions, r.revision)
	}
	return revisions
}

func (tr *traffic) records() map[record.Key]string {
	tr.t.Helper()
	now, err := tr.log.Revision(tr.t.Context())
	require.NoError(tr.t, err)
	out := map[record.Key]string{}
	for _, r := range load(tr.t.Context(), tr.t, tr.log, now) {
		out[r.Key] = string(r.Value)
	}
	return out
}

func TestALoneWriteIsSentAtOnceAndByItself(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		seen := new(sizes)
		log := etcd.New(client, "/muster", etcd.GroupsObservedBy(seen))
		for i := range 3 {
			revision, ok, err := log.CommitTogether(withDeadline(t), put(fmt.Sprint(i)))
			require.NoError(t, err)
			require.True(t, ok)
			now, err := log.Revision(t.Context())
			require.NoError(t, err)
			require.Equal(t, now, revision)
		}
		require.Equal(t, []int{1, 1, 1}, seen.all())
	})
}

func TestWritesThatWaitGoTogetherAndShareARevision(t *testing.T) {
	t.Parallel()
	tr := newTraffic(t)
	tr.hold()
	done := tr.gather(many(30)...)
	tr.release()
	require.Len(t, slices.Compact(tr.written(done)), 1)
	require.Equal(t, []int{1, 1, 30}, tr.sizes.all())
	require.Len(t, tr.records(), 30+underWay)
}

func TestAWriteWhoseGuardsDoNotHoldDoesNotAffectItsGroup(t *testing.T) {
	t.Parallel()
	tr := newTraffic(t)
	at := commit(t.Context(), t, tr.log, put("there"))
	tr.hold()
	guarded := func(name string, guard map[record.Key]int64) etcd.Txn {
		txn := put(name)
		txn.Unchanged = guard
		return txn
	}
	done := tr.gather(
		guarded("right", map[record.Key]int64{key("there"): at}),
		guarded("wrong", map[record.Key]int64{key("there"): at - 1}),
		guarded("absent", map[record.Key]int64{key("nowhere"): 0}),
		guarded("missing", map[record.Key]int64{key("nowhere"): 3}),
		etcd.Txn{NotAfter: map[record.Key]int64{key("there"): at}, Put: put("late").Put},
		etcd.Txn{NotAfter: map[record.Key]int64{key("there"): at - 1}, Put: put("later").Put},
	)
	tr.release()
	for i, want := range []bool{true, false, true, false, true, false} {
		r := <-done[i]
		require.NoError(t, r.err)
		require.Equal(t, want, r.ok, i)
	}
	require.Equal(t, []int{1, 1, 6}, tr.sizes.all())
	there := tr.records()
	for name, want := range map[string]bool{"right": true, "wrong": false, "absent": true, "missing": false, "late": true, "later": false} {
		require.Equal(t, want, there[key(name)] != "", name)
	}
}

func TestWritesThatMeetAreNotInOneGroup(t *testing.T) {
	t.Parallel()
	looks := func(at string, name string) etcd.Txn {
		txn := put(name)
		txn.NotAfter = map[record.Key]int64{key(at): 1 << 40}
		return txn
	}
	removes := func(name string) etcd.Txn { return etcd.Txn{Delete: []record.Key{key(name)}} }
	bumps := func(name string) etcd.Txn {
		txn := put(name)
		txn.Put[record.VersionsGuardKey()] = []byte("{}")
		return txn
	}
	minds := func(name string) etcd.Txn {
		txn := put(name)
		txn.NotAfter = map[record.Key]int64{record.VersionsGuardKey(): 1 << 40}
		return txn
	}
	for title, c := range map[string]struct {
		txns []etcd.Txn
		want []int
	}{
		"two that put a record":                        {[]etcd.Txn{put("a"), put("a")}, []int{1, 1}},
		"one that puts and one that deletes a record":  {[]etcd.Txn{put("a"), removes("a")}, []int{1, 1}},
		"one that compares what another puts":          {[]etcd.Txn{put("a"), looks("a", "b")}, []int{1, 1}},
		"one that puts what another compares":          {[]etcd.Txn{looks("a", "b"), put("a")}, []int{1, 1}},
		"two that compare the same record":             {[]etcd.Txn{looks("a", "b"), looks("a", "c")}, []int{2}},
		"a later write overtakes one that has to wait": {[]etcd.Txn{put("a"), put("a"), put("b")}, []int{2, 1}},
		"several that bump the same guard":             {[]etcd.Txn{bumps("a"), bumps("b"), bumps("c")}, []int{3}},
		"one that compares a guard that another bumps": {[]etcd.Txn{bumps("a"), minds("b"), bumps("c")}, []int{2, 1}},
		"one that bumps a guard that another compares": {[]etcd.Txn{minds("a"), bumps("b"), minds("c")}, []int{2, 1}},
		"more bytes than one group holds":              {[]etcd.Txn{large("a"), large("b"), large("c")}, []int{2, 1}},
		"one more than a group holds":                  {many(65), []int{64, 1}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			tr := newTraffic(t)
			tr.hold()
			done := tr.gather(c.txns...)
			tr.release()
			tr.written(done)
			// Two groups that are sent at the same time may be in either order.
			sent := tr.sizes.all()[underWay:]
			slices.SortFunc(sent, func(a, b int) int { return b - a })
			require.Equal(t, c.want, sent)
		})
	}
}

func large(name string) etcd.Txn {
	return etcd.Txn{Put: map[record.Key][]byte{key(name): make([]byte, 120<<10)}}
}

func many(n int) []etcd.Txn {
	var out []etcd.Txn
	for i := range n {
		out = append(out, put(fmt.Sprint(i)))
	}
	return out
}
