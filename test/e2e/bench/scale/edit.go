// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// edit is a kind of edit, made several times: the i-th sends the patch of i.
type edit struct {
	what     string
	resource schema.GroupVersionResource
	name     string
	patch    func(i int) string
	// moves is the number of BundleDeployments that each edit changes, and so the number of
	// expected events.
	moves int
	times int
}

// cost holds the cost of one edit of a kind.
type cost struct {
	moves int
	// own is the time to the edited object's own event, first and last the times to events
	// of BundleDeployments. yardstick is the time from a plain etcd put to its event. All
	// are medians.
	answered, own, first, last, yardstick time.Duration
	// These are the server's, for each edit, with HTTP, the write and events to two
	// watches.
	cpu                      time.Duration
	allocations, bytes       float64
	evaluations, events      float64
	rendered                 float64 // BundleDeployments
	writes                   int64
	deploymentEventsTooMany  int
	residentAfter, peakAfter int64
}

// per divides by the number that an edit moves, or by one if it moves none.
func (c *cost) per(v float64) float64 { return v / float64(max(1, c.moves)) }

// labelled alternates between two values of a label.
func labelled(key, on, off string) func(i int) string {
	return func(i int) string { return fleets.LabelPatch(key, []string{on, off}[i%2]) }
}

func oneLabel(moves, times int) edit {
	return edit{
		what: fmt.Sprintf("label edit that moves %d", moves), resource: site.Clusters, name: fleets.ClusterName(0),
		patch: labelled(fleets.Key, fleets.Value, ""), moves: moves, times: times,
	}
}

func oneBundle(moves, times int) edit {
	return edit{
		what: fmt.Sprintf("Bundle edit that moves %d", moves), resource: site.Bundles, name: fleets.BundleName(1), moves: moves, times: times,
		patch: fleets.BundlePatch,
	}
}

const within = 5 * time.Minute

// do makes the edits with two open watches, of the edited kind and of all
// BundleDeployments.
func do(ctx context.Context, s *site.Site, e edit) (*cost, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at, err := site.Version(ctx, s.Client, e.resource)
	if err != nil {
		return nil, err
	}
	broken := make(chan error, 2)
	watch := func(resource schema.GroupVersionResource) (<-chan site.Event, error) {
		c, err := site.Connect(s.Config)
		if err != nil {
			return nil, err
		}
		events := make(chan site.Event, 1<<18)
		return events, site.Collect(ctx, c, resource, at, events, broken)
	}
	owns, err := watch(e.resource)
	if err != nil {
		return nil, err
	}
	moved, err := watch(site.Deployments)
	if err != nil {
		return nil, err
	}
	put := s.Yardstick(ctx)

	var answered, own, first, last, yardstick []time.Duration
	m, err := begin(ctx, s)
	if err != nil {
		return nil, err
	}
	next := func(events <-chan site.Event) (site.Event, error) {
		timeout := time.NewTimer(within)
		defer timeout.Stop()
		select {
		case got := <-events:
			return got, nil
		case err := <-broken:
			return site.Event{}, err
		case <-timeout.C:
			return site.Event{}, fmt.Errorf("%s: an event did not arrive within %v", e.what, within)
		case <-ctx.Done():
			return site.Event{}, ctx.Err()
		}
	}
	for i := range e.times {
		request := s.Client.Patch(types.MergePatchType).AbsPath(site.Path(e.resource, fleets.Namespace, e.name)).Body([]byte(e.patch(i)))
		sent := time.Now()
		if _, err := site.Answer(ctx, request); err != nil {
			return nil, fmt.Errorf("%s: %w", e.what, err)
		}
		answered = append(answered, time.Since(sent))
		for n := range e.moves {
			got, err := next(moved)
			if err != nil {
				return nil, fmt.Errorf("event %d: %w", n, err)
			}
			if n == 0 {
				first = append(first, got.At.Sub(sent))
			}
			if n == e.moves-1 {
				last = append(last, got.At.Sub(sent))
			}
		}
		for {
			got, err := next(owns)
			if err != nil {
				return nil, err
			}
			if got.Name == e.name {
				own = append(own, got.At.Sub(sent))
				break
			}
		}
	}
	c, err := m.end(ctx, e)
	if err != nil {
		return nil, err
	}
	// The server's cost has been read: the yardstick is not part of it.
	for range e.times {
		took, err := put(at)
		if err != nil {
			return nil, err
		}
		yardstick = append(yardstick, took)
	}
	c.answered, c.own, c.first, c.last, c.yardstick = stats.Median(answered), stats.Median(own), stats.Median(first), stats.Median(last), stats.Median(yardstick)
	c.deploymentEventsTooMany = len(moved)
	return c, nil
}

// meter reads what the server has used before and after the edits, less the cost of
// reading.
type meter struct {
	site          *site.Site
	before        site.Metrics
	scraping      site.Metrics // what one more read of the metrics changes in them
	cpu           time.Duration
	firstRevision int64
}

func begin(ctx context.Context, s *site.Site) (*meter, error) {
	m := &meter{site: s}
	if _, err := site.Scrape(ctx, s.Client); err != nil { // the first read costs more than others
		return nil, err
	}
	var err error
	if m.firstRevision, err = site.Revision(ctx, s.Client); err != nil {
		return nil, err
	}
	idle, err := site.Scrape(ctx, s.Client)
	if err != nil {
		return nil, err
	}
	if m.before, err = site.Scrape(ctx, s.Client); err != nil {
		return nil, err
	}
	if m.cpu, err = site.CPU(s.Replica.Process); err != nil {
		return nil, err
	}
	m.scraping = site.Metrics{}
	for name, v := range m.before {
		m.scraping[name] = v - idle[name]
	}
	return m, nil
}

func (m *meter) end(ctx context.Context, e edit) (*cost, error) {
	cpu, err := site.CPU(m.site.Replica.Process)
	if err != nil {
		return nil, err
	}
	after, err := site.Scrape(ctx, m.site.Client)
	if err != nil {
		return nil, err
	}
	revision, err := site.Revision(ctx, m.site.Client)
	if err != nil {
		return nil, err
	}
	per := func(name string) float64 {
		return max(0, after[name]-m.before[name]-m.scraping[name]) / float64(e.times)
	}
	c := &cost{
		moves: e.moves, cpu: (cpu - m.cpu) / time.Duration(e.times), allocations: per("go_memstats_mallocs_total"), bytes: per("go_memstats_alloc_bytes_total"),
		evaluations: per("muster_evaluations_total"), events: per("muster_watch_events_total"), rendered: per(site.RenderedDeployments), writes: (revision - m.firstRevision) / int64(e.times),
	}
	if c.residentAfter, err = m.site.Replica.Process.Resident(); err != nil {
		return nil, err
	}
	c.peakAfter, err = m.site.Replica.Process.Peak()
	return c, err
}
