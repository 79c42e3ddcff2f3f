// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// result holds the measurements of one side.
type result struct {
	opening  time.Duration
	watching int64 // bytes in use for all watches
	resident int64
	kinds    []taken
	surplus  int64 // events beyond those that should come
}

// taken holds the measurements of the edits of one kind.
type taken struct {
	answered, last []time.Duration
	cpu            time.Duration // of all edits
}

// shared returns how many watches share a connection, and a text that says so. Each has its
// own as long as this process, and a server with the same limit, may have enough files
// open.
func (o Options) shared() (int, string, error) {
	const others = 500 // files
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, "", err
	}
	most := max(1, int(min(limit.Cur, 1<<20))-others)
	watches := o.Agents + o.Watches
	if watches <= most {
		return 1, "each over a connection of its own", nil
	}
	n := (watches + most - 1) / most
	return n, fmt.Sprintf("%d over one connection, since a process may have no more than %d files open here", n, limit.Cur), nil
}

// counter counts events, and reports when the expected number is reached.
type counter struct {
	events, target atomic.Int64
	arrived        chan struct{}
}

func (c *counter) note(e site.Event) {
	if e.Type == "BOOKMARK" {
		return
	}
	if c.events.Add(1) == c.target.Load() {
		c.arrived <- struct{}{}
	}
}

// measure opens the watches, edits, and waits for all events of each edit.
func (s *side) measure(ctx context.Context, homes []string, o Options, shared int) (*result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &result{}
	before, err := site.Weigh(ctx, s.client, s.processes[0])
	if err != nil {
		return nil, err
	}
	counter := &counter{arrived: make(chan struct{}, 1)}
	broken := make(chan error, len(homes)+o.Watches)
	begun := time.Now()
	closing, err := s.open(ctx, homes, o, shared, counter, broken)
	defer func() { cancel(); closing() }()
	if err != nil {
		return nil, err
	}
	r.opening = time.Since(begun)
	watching, err := site.Weigh(ctx, s.client, s.processes[0])
	if err != nil {
		return nil, err
	}
	r.watching = watching.Used - before.Used
	for _, k := range o.kinds() {
		taken, err := s.edits(ctx, k, o.events(k), counter, broken)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.what, err)
		}
		r.kinds = append(r.kinds, *taken)
	}
	r.surplus = counter.events.Load() - counter.target.Load()
	r.resident, err = s.processes[0].Resident()
	return r, err
}

// open opens all watches. The returned function closes their connections once they have
// ended: an unused connection would stay open for a while.
func (s *side) open(ctx context.Context, homes []string, o Options, shared int, counter *counter, broken chan<- error) (closing func(), err error) {
	at, err := site.Version(ctx, s.client, s.resource)
	if err != nil {
		return func() {}, err
	}
	watches := len(homes) + o.Watches
	connections := make([]*rest.RESTClient, (watches+shared-1)/shared)
	closing = func() {
		for _, c := range connections {
			if c != nil && c.Client != nil {
				utilnet.CloseIdleConnectionsFor(c.Client.Transport)
			}
		}
	}
	for i := range connections {
		if connections[i], err = site.Connect(s.config); err != nil {
			return closing, err
		}
	}
	open, opening := errgroup.WithContext(ctx)
	open.SetLimit(writers)
	for i := range watches {
		namespace := ""
		if i < len(homes) {
			namespace = homes[i]
		}
		open.Go(func() error {
			if opening.Err() != nil {
				return opening.Err()
			}
			return site.Watch(ctx, connections[i/shared], s.resource, namespace, at, nil, counter.note, func(err error) { broken <- err })
		})
	}
	return closing, open.Wait()
}

func (s *side) edits(ctx context.Context, k kind, events int64, counter *counter, broken <-chan error) (*taken, error) {
	t := &taken{}
	cpu, err := site.CPU(s.processes...)
	if err != nil {
		return nil, err
	}
	for i := range k.times {
		counter.target.Add(events)
		begun := time.Now()
		if err := s.edit(ctx, k, i); err != nil {
			return nil, err
		}
		t.answered = append(t.answered, time.Since(begun))
		select {
		case <-counter.arrived:
			t.last = append(t.last, time.Since(begun))
		case err := <-broken:
			return nil, err
		case <-time.After(within):
			return nil, fmt.Errorf("edit %d: %d events of %d are missing after %v", i, counter.target.Load()-counter.events.Load(), events, within)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	after, err := site.CPU(s.processes...)
	t.cpu = after - cpu
	return t, err
}

func show(ours, theirs *result, o Options, out *report.Scenario) {
	watches := float64(o.Agents + o.Watches)
	name := fmt.Sprintf("%d agents, %d watches of all", o.Agents, o.Watches)
	row := func(table *report.Table, what, unit string, a, b float64) {
		ratio := stats.Ratio(a, b)
		table.Rows = append(table.Rows, []string{what + ", " + unit, fmt.Sprintf("%.1f", a), fmt.Sprintf("%.1f", b), stats.Times(ratio)})
		out.Add(
			report.Number{Name: name + ": " + what + ", against custom resources", Value: ratio, Kind: report.Ratio},
			report.Number{Name: name + ": " + what, Value: a, Unit: unit, Kind: report.Absolute},
		)
	}
	columns := []string{"", "Muster", "custom resources", "Muster / custom"}
	for i, k := range o.kinds() {
		table := report.Table{Title: fmt.Sprintf("**An edit of %s**: %d BundleDeployments, %d events", k.what, o.moved(k), o.events(k)), Columns: columns}
		a, b := &ours.kinds[i], &theirs.kinds[i]
		of := k.what + ": "
		row(&table, of+"first write sent to last write answered", "ms", stats.Milliseconds(stats.Median(a.answered)), stats.Milliseconds(stats.Median(b.answered)))
		row(&table, of+"first write sent to last event", "ms", stats.Milliseconds(stats.Median(a.last)), stats.Milliseconds(stats.Median(b.last)))
		sent := float64(k.times) * float64(o.events(k))
		row(&table, of+"CPU of server and etcd for an event", "µs", float64(a.cpu.Microseconds())/sent, float64(b.cpu.Microseconds())/sent)
		moved := float64(k.times) * float64(o.moved(k))
		row(&table, of+"CPU of server and etcd for a BundleDeployment", "µs", float64(a.cpu.Microseconds())/moved, float64(b.cpu.Microseconds())/moved)
		for j := range table.Rows {
			table.Rows[j][0] = table.Rows[j][0][len(of):]
		}
		out.Tables = append(out.Tables, table)
	}
	table := report.Table{Title: "**The watches**", Columns: columns}
	row(&table, "opening all watches", "s", ours.opening.Seconds(), theirs.opening.Seconds())
	row(&table, "memory in use for a watch", "KiB", float64(ours.watching)/1024/watches, float64(theirs.watching)/1024/watches)
	row(&table, "resident memory of the server after it", "MiB", site.MiB(ours.resident), site.MiB(theirs.resident))
	table.Rows = append(table.Rows, []string{"events more than there should be", fmt.Sprint(ours.surplus), fmt.Sprint(theirs.surplus), ""})
	out.Tables = append(out.Tables, table)
}
