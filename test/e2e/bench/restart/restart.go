// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package restart measures a restart of the only replica: the time until it is ready again,
// and whether watchers continue where they were. The watchers are client-go's reflectors,
// one for each agent's namespace. While the replica is down, a label is written into etcd,
// as by another replica, and all watchers have to get its event. The scenario counts each
// list, and each watch that begins with initial events.
package restart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
	"github.com/musterfleet/muster/test/poll"
)

const (
	rounds = 3
	within = 5 * time.Minute
)

// Run measures a restart with the last of some fleets and so many watchers. With the other
// fleets it measures only the time until the replica is ready.
func Run(ctx context.Context, s *site.Site, step func(string, ...any), growing []fleets.Fleet, agents int, million bool, out *report.Scenario) error {
	out.Title = "a restart"
	f := growing[len(growing)-1]
	agents = min(agents, f.Clusters-1)
	out.Text = []string{fmt.Sprintf("%s: %d BundleDeployments; two times %d reflectors of client-go watch the namespaces of as many Clusters: by way of Muster's Service, which refuses connections until the replica is ready, and straight. The replica is then ended with SIGTERM, %d Clusters get a label that one Bundle waits for, by transactions straight into etcd, and the replica is started again; %d times. *Ready* is from the process's start until its readiness probe succeeds, *told* from the start until each reflector has been told what happened meanwhile. The yardstick is the time to read all of Muster's records from etcd, in pages.", f.Name, f.Deployments, agents, agents, rounds)}
	grown, err := grow(ctx, s, step, growing[:len(growing)-1])
	if err != nil {
		return err
	}
	step("%s: writing the fleet and starting", f.Name)
	if _, err := s.Fill(ctx, f); err != nil {
		return err
	}
	// The history in which watches may resume begins after the loaded revision. In
	// production etcd keeps the last minutes of it; here one edit is enough.
	if err := label(ctx, s.Log(), f.Clusters-1, 1, true); err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	step("starting 2 × %d reflectors", agents)
	both := []*watchers{{name: "by way of the Service", config: s.Service}, {name: "straight to the replica", config: s.Config}}
	for _, w := range both {
		if err := w.begin(watching, agents); err != nil {
			return err
		}
	}
	var ready, read []time.Duration
	for round := range rounds {
		step("restart %d of %d", round+1, rounds)
		s.Stop()
		if err := label(ctx, s.Log(), 0, agents, round%2 == 0); err != nil {
			return err
		}
		begun := time.Now()
		took, err := s.Begin()
		if err != nil {
			return err
		}
		ready = append(ready, took)
		var waiting errgroup.Group
		for _, w := range both {
			waiting.Go(func() error { return w.wait(ctx, begun, int64(agents)) })
		}
		if err := waiting.Wait(); err != nil {
			return err
		}
		begun = time.Now()
		if _, _, err := s.Stored(ctx, ""); err != nil {
			return err
		}
		read = append(read, time.Since(begun))
	}
	memory, err := site.Weigh(ctx, s.Client, s.Replica.Process)
	if err != nil {
		return err
	}
	table := report.Table{Columns: []string{"", "median"}, Rows: [][]string{
		{"ready, s", fmt.Sprintf("%.2f", stats.Median(ready).Seconds())},
		{"yardstick: reading all records from etcd, s", fmt.Sprintf("%.2f", stats.Median(read).Seconds())},
		{"resident memory after the last, MiB", fmt.Sprintf("%.0f", site.MiB(memory.Resident))},
	}}
	name := fmt.Sprintf("%d BundleDeployments", f.Deployments)
	out.Add(report.Number{Name: name + ": ready", Value: stats.Median(ready).Seconds(), Unit: "s", Kind: report.Absolute, Goal: "restart-million", At: report.At(f.Name, million)})
	var wrong []error
	for i, w := range both {
		relists, surplus := w.relists.Load()-w.before, w.events.Load()-w.expected
		table.Rows = append(table.Rows, [][]string{
			{w.name + ": all reflectors told, s", fmt.Sprintf("%.2f", stats.Median(w.took).Seconds())},
			{w.name + ": lists", fmt.Sprintf("%d (%d reflectors, %d restarts)", relists, agents, rounds)},
			{w.name + ": events more than there should be", fmt.Sprint(surplus)},
		}...)
		if relists > 0 {
			out.Text = append(out.Text, fmt.Sprintf("Reflectors that listed again, %s, had this answer or error right before (and how many): %v.", w.name, w.reasons()))
		}
		goal := ""
		if i == 0 {
			goal = "relists"
		}
		out.Add(
			report.Number{Name: name + ", " + w.name + ": all reflectors told", Value: stats.Median(w.took).Seconds(), Unit: "s", Kind: report.Absolute},
			report.Number{Name: name + ", " + w.name + ": lists after restarts", Value: float64(relists), Kind: report.Count, Goal: goal},
		)
		if surplus > 0 {
			wrong = append(wrong, fmt.Errorf("%s: reflectors got %d events more than expected", w.name, surplus))
		}
	}
	out.Tables = append(out.Tables, table)
	show(append(grown, point{f, stats.Median(ready), stats.Median(read)}), out)
	out.NotMeasured = append(out.NotMeasured, "a restart of kube-apiserver with as many custom resources")
	return errors.Join(wrong...)
}

// label adds the label to Clusters or removes it, as another replica would.
func label(ctx context.Context, log *etcd.Log, first, clusters int, on bool) error {
	labels := map[string]string{}
	if on {
		labels[fleets.Key] = fleets.Value
	}
	for i := first; i < first+clusters; i++ {
		txn := etcd.Txn{Put: map[record.Key][]byte{}}
		if err := fleets.Put(&txn, fleets.Cluster(i, labels)); err != nil {
			return err
		}
		if _, _, err := log.Commit(ctx, txn); err != nil {
			return err
		}
	}
	return nil
}

// watchers are reflectors that use one way, and what all of them saw. events counts their
// events, relists their lists after the first, which also deliver changes.
type watchers struct {
	name                    string
	config                  *rest.Config
	synced, events, relists atomic.Int64
	before, expected        int64 // relists and events before the restarts, and what is expected by now
	took                    []time.Duration
	mu                      struct {
		sync.Mutex
		why []string // what came before each list
	}
}

// begin starts the reflectors, and returns when each has listed.
func (w *watchers) begin(ctx context.Context, agents int) error {
	for i := range agents {
		if err := w.start(ctx, fleets.Home(i)); err != nil {
			return err
		}
	}
	err := poll.Until(ctx, within, func(context.Context) error {
		if got := w.synced.Load(); got < int64(agents) {
			return fmt.Errorf("%d reflectors of %d have listed", got, agents)
		}
		return nil
	})
	w.before, w.expected = w.relists.Load(), w.events.Load()
	return err
}

// start starts a reflector with a connection of its own.
func (w *watchers) start(ctx context.Context, namespace string) error {
	own := rest.CopyConfig(w.config)
	own.Wrap(func(next http.RoundTripper) http.RoundTripper { return &counter{next: next, w: w} })
	client, err := versioned.NewForConfig(own)
	if err != nil {
		return err
	}
	lw := cache.NewListWatchFromClient(client.FleetV1alpha1().RESTClient(), "bundledeployments", namespace, fields.Everything())
	r := cache.NewReflectorWithOptions(lw, &v1alpha1.BundleDeployment{}, &tally{w: w}, cache.ReflectorOptions{})
	go r.RunWithContext(ctx)
	return nil
}

// wait waits until each reflector has got one more change.
func (w *watchers) wait(ctx context.Context, begun time.Time, agents int64) error {
	w.expected += agents
	err := poll.Until(ctx, within, func(context.Context) error {
		if got := w.events.Load(); got < w.expected {
			return fmt.Errorf("%s: %d reflectors have not got the change", w.name, w.expected-got)
		}
		return nil
	})
	w.took = append(w.took, time.Since(begun))
	return err
}

// reasons counts what came before the lists after the first ones.
func (w *watchers) reasons() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for _, why := range w.mu.why[min(int(w.before), len(w.mu.why)):] {
		out[why]++
	}
	return out
}

// counter counts a reflector's requests that transfer a whole list, and records what came
// before each: a reflector lists again after an error that it considers permanent.
type counter struct {
	next   http.RoundTripper
	w      *watchers
	before atomic.Value // string: how the last request ended
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	query := r.URL.Query()
	response, err := c.next.RoundTrip(r)
	if err != nil {
		c.before.Store(err.Error())
		return response, err
	}
	// A request to a server that is not ready transfers nothing and is retried.
	if response.StatusCode == http.StatusOK && (query.Get("watch") == "" || query.Get("sendInitialEvents") == "true") {
		c.w.relists.Add(1)
		before, _ := c.before.Load().(string)
		c.w.mu.Lock()
		c.w.mu.why = append(c.w.mu.why, before)
		c.w.mu.Unlock()
	}
	c.before.Store(response.Status)
	return response, err
}

// tally is a reflector's store that keeps only counts.
type tally struct {
	w      *watchers
	listed bool // only the reflector's own goroutine uses it
}

func (t *tally) Add(any) error    { return t.note() }
func (t *tally) Update(any) error { return t.note() }
func (t *tally) Delete(any) error { return t.note() }
func (t *tally) Resync() error    { return nil }

func (t *tally) note() error {
	t.w.events.Add(1)
	return nil
}

func (t *tally) Replace([]any, string) error {
	if t.listed {
		return t.note()
	}
	t.listed = true
	t.w.synced.Add(1)
	return nil
}

var _ cache.ReflectorStore = (*tally)(nil)
