// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package restart measures what a restart of the only replica is like: how long until
// it is ready again, and whether watchers go on where they were. The watchers are
// client-go's reflectors, one for each agent's namespace; while the replica is down, a
// label is written into etcd, as by another replica, which all of them have to be told
// of. Each list, and each watch that begins with initial events, is counted.
package restart

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

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
)

const (
	rounds = 3
	within = 5 * time.Minute
)

// Run measures it with a fleet, and so many watchers.
func Run(ctx context.Context, s *site.Site, step func(string, ...any), f fleets.Fleet, agents int, million bool, out *report.Scenario) error {
	out.Title = "a restart"
	agents = min(agents, f.Clusters-1)
	out.Text = []string{fmt.Sprintf("%s: %d BundleDeployments; %d reflectors of client-go watch the namespaces of as many Clusters. The replica is ended with SIGTERM, %d Clusters get a label that one Bundle waits for, by transactions straight into etcd, and the replica is started again; %d times. *Ready* is from the process's start until its readiness probe succeeds, *told* from the start until each reflector has been told what happened meanwhile. The yardstick is the time to read all of Muster's records from etcd, in pages.", f.Name, f.Deployments, agents, agents, rounds)}
	step("%s: writing the fleet and starting", f.Name)
	if _, err := s.Fill(ctx, f); err != nil {
		return err
	}
	// The history that watches may resume in begins after what was loaded: in production
	// etcd keeps the last minutes of it, here one edit is enough.
	if err := label(ctx, s.Log(), f.Clusters-1, 1, true); err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watchers{}
	step("starting %d reflectors", agents)
	for i := range agents {
		home, err := s.Home(ctx, fleets.ClusterName(i))
		if err != nil {
			return err
		}
		if err := w.start(watching, s.Config, home); err != nil {
			return err
		}
	}
	if err := w.wait(ctx, "reflectors that have listed", &w.synced, int64(agents)); err != nil {
		return err
	}
	var ready, told, read []time.Duration
	before := w.relists.Load()
	expected := w.told.Load()
	for round := range rounds {
		step("restart %d of %d", round+1, rounds)
		s.Stop()
		if err := label(ctx, s.Log(), 0, agents, round%2 == 0); err != nil {
			return err
		}
		expected += int64(agents)
		begun := time.Now()
		took, err := s.Begin()
		if err != nil {
			return err
		}
		ready = append(ready, took)
		if err := w.wait(ctx, "reflectors told", &w.told, expected); err != nil {
			return err
		}
		told = append(told, time.Since(begun))
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
	relists, surplus := w.relists.Load()-before, w.told.Load()-expected
	out.Tables = append(out.Tables, report.Table{Columns: []string{"", "median"}, Rows: [][]string{
		{"ready, s", fmt.Sprintf("%.2f", stats.Median(ready).Seconds())},
		{"all reflectors told, s", fmt.Sprintf("%.2f", stats.Median(told).Seconds())},
		{"yardstick: reading all records from etcd, s", fmt.Sprintf("%.2f", stats.Median(read).Seconds())},
		{"ready: times the yardstick", stats.Times(stats.Ratio(stats.Median(ready), stats.Median(read)))},
		{"resident memory after the last, MiB", fmt.Sprintf("%.0f", site.MiB(memory.Resident))},
		{fmt.Sprintf("lists after %d restarts, of %d reflectors", rounds, agents), fmt.Sprint(relists)},
		{"events more than there should be", fmt.Sprint(surplus)},
	}})
	if relists > 0 {
		out.Text = append(out.Text, fmt.Sprintf("Reflectors that listed again had this answer, or error, right before (and how many): %v.", w.reasons(before)))
	}
	name, at := fmt.Sprintf("%d BundleDeployments", f.Deployments), f.Name
	if million {
		at = ""
	}
	out.Add(
		report.Number{Name: name + ": ready", Value: stats.Median(ready).Seconds(), Unit: "s", Kind: report.Absolute, Goal: "restart-million", At: at},
		report.Number{Name: name + ": all reflectors told", Value: stats.Median(told).Seconds(), Unit: "s", Kind: report.Absolute},
		report.Number{Name: name + ": lists after restarts", Value: float64(relists), Kind: report.Count, Goal: "relists"},
	)
	out.NotMeasured = append(out.NotMeasured, "a restart of kube-apiserver with as many custom resources")
	if surplus > 0 {
		return fmt.Errorf("reflectors were told %d events more than there should be", surplus)
	}
	return nil
}

// label puts the label on Clusters or takes it off, as another replica would.
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

// watchers are reflectors, and what all of them saw: told counts events, and lists
// after the first, which tell all that happened, too.
type watchers struct {
	synced, told, relists atomic.Int64
	mu                    struct {
		sync.Mutex
		why []string // what came before each list
	}
}

// reasons counts what came before the lists after the first so many.
func (w *watchers) reasons(first int64) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for _, why := range w.mu.why[min(int(first), len(w.mu.why)):] {
		out[why]++
	}
	return out
}

// start starts a reflector with a connection of its own.
func (w *watchers) start(ctx context.Context, config *rest.Config, namespace string) error {
	own := rest.CopyConfig(config)
	own.QPS = -1
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

func (w *watchers) wait(ctx context.Context, what string, n *atomic.Int64, want int64) error {
	return site.Until(ctx, within, func(context.Context) error {
		if got := n.Load(); got < want {
			return fmt.Errorf("%d %s of %d", got, what, want)
		}
		return nil
	})
}

// counter counts a reflector's requests that transfer a whole list, and notes what
// came before each: a reflector lists again when it does not know an error as one that
// passes.
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
	// A request that finds a server that is not ready transfers nothing and is tried
	// again.
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

// tally is a reflector's store that keeps nothing but counts.
type tally struct {
	w      *watchers
	listed bool // only the reflector's own goroutine uses it
}

func (t *tally) Add(any) error    { return t.note() }
func (t *tally) Update(any) error { return t.note() }
func (t *tally) Delete(any) error { return t.note() }
func (t *tally) Resync() error    { return nil }

func (t *tally) note() error {
	t.w.told.Add(1)
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
