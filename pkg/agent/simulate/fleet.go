// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/workqueue"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// Fleet runs a number of simulated agents.
type Fleet struct {
	options Options
	up      *upstream.Client
	agents  []Agent
	own     map[string]int // namespace → agent
	queue   workqueue.TypedDelayingInterface[types.NamespacedName]
	beats   workqueue.TypedDelayingInterface[int]
	log     io.Writer
	counted counters
	started time.Time
	mu      struct {
		sync.RWMutex
		watches map[string]*watching // by namespace; with OneWatch only the empty one
		known   map[string]map[string]*deployment
		said    time.Time // when the last error was written
	}
}

// watching holds a watch and the function that ends it.
type watching struct {
	*upstream.Watch
	end   context.CancelFunc
	ended <-chan struct{}
}

// New returns agents that share the client up, except those with an Upstream of their own.
// It writes errors to log, at most one a second.
func New(up *upstream.Client, agents []Agent, options Options, log io.Writer) *Fleet {
	f := &Fleet{
		options: options, up: up, agents: slices.Clone(agents), own: map[string]int{}, log: log,
		queue: workqueue.NewTypedDelayingQueue[types.NamespacedName](), beats: workqueue.NewTypedDelayingQueue[int](),
		started: time.Now(),
	}
	for i, a := range f.agents {
		f.own[a.Namespace] = i
		if a.Upstream == nil {
			f.agents[i].Upstream = up
		}
	}
	f.mu.watches, f.mu.known = map[string]*watching{}, map[string]map[string]*deployment{}
	return f
}

// Run runs the agents until ctx ends. It may be called once.
func (f *Fleet) Run(ctx context.Context) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer f.queue.ShutDown()
	defer f.beats.ShutDown()
	f.counted.add(func(s *Stats) { s.Agents = len(f.agents) })

	if f.options.OneWatch {
		f.watch(ctx, &tasks, "", f.up)
	} else {
		tasks.Go(func() { f.start(ctx, &tasks) })
	}
	for range f.options.Workers {
		tasks.Go(func() { work(f.queue, func(name types.NamespacedName) time.Duration { return f.reconcile(ctx, name) }) })
	}
	if f.options.Heartbeat > 0 {
		for i := range f.agents {
			f.beats.AddAfter(i, f.options.FirstHeartbeat)
		}
		for range 1 + f.options.Workers/8 {
			tasks.Go(func() { work(f.beats, func(i int) time.Duration { return f.beat(ctx, i) }) })
		}
	}
	f.restarts(ctx, &tasks)
}

// work takes keys from a queue until it is shut down, and puts them back for later.
func work[T comparable](queue workqueue.TypedDelayingInterface[T], do func(T) time.Duration) {
	for {
		key, over := queue.Get()
		if over {
			return
		}
		again := do(key)
		queue.Done(key)
		if again > 0 {
			queue.AddAfter(key, again)
		}
	}
}

func (f *Fleet) beat(ctx context.Context, i int) time.Duration {
	a := f.agents[i]
	err := a.Upstream.Heartbeat(ctx, a.Cluster, "cattle-fleet-system", time.Now())
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		f.counted.add(func(s *Stats) { s.Errors++ })
		f.complain(err)
		return reportRetry
	}
	f.counted.add(func(s *Stats) { s.Heartbeats++ })
	return f.options.Heartbeat
}

// watch starts the watch of a namespace and ends the one before it.
func (f *Fleet) watch(ctx context.Context, tasks *sync.WaitGroup, namespace string, from *upstream.Client) *watching {
	ctx, end := context.WithCancel(ctx)
	w := &watching{end: end, ended: ctx.Done(), Watch: from.Watch(namespace, f.queue.Add, func(watch.EventType) {
		f.counted.add(func(s *Stats) { s.Events++ })
	})}
	f.mu.Lock()
	if old := f.mu.watches[namespace]; old != nil {
		old.end()
	}
	f.mu.watches[namespace] = w
	f.mu.Unlock()
	tasks.Go(func() { w.Run(ctx) })
	return w
}

// starting is the number of agents that do their first list at the same time. Real agents
// have a machine each. If all started at once from this one, they would be busy with TLS
// handshakes until those time out.
const starting = 32

func (f *Fleet) start(ctx context.Context, tasks *sync.WaitGroup) {
	places := make(chan struct{}, starting)
	for _, a := range f.agents {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		w := f.watch(ctx, tasks, a.Namespace, a.Upstream)
		tasks.Go(func() {
			select {
			case <-w.Synced():
			case <-w.ended:
			}
			<-places
		})
	}
}

// restarts stops and starts agents, one after the other, until ctx ends.
func (f *Fleet) restarts(ctx context.Context, tasks *sync.WaitGroup) {
	if f.options.RestartEvery == 0 || len(f.agents) == 0 {
		<-ctx.Done()
		return
	}
	dice := rand.New(rand.NewPCG(f.options.Seed, 0))
	ticker := time.NewTicker(f.options.RestartEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.restart(ctx, tasks, f.agents[dice.IntN(len(f.agents))])
		}
	}
}

// restart makes an agent forget everything that it has not reported.
func (f *Fleet) restart(ctx context.Context, tasks *sync.WaitGroup, a Agent) {
	f.mu.Lock()
	delete(f.mu.known, a.Namespace)
	shared := f.mu.watches[""]
	f.mu.Unlock()
	f.counted.add(func(s *Stats) { s.Restarts++ })
	if shared == nil {
		f.watch(ctx, tasks, a.Namespace, a.Upstream)
		return
	}
	for _, name := range shared.Names() {
		if name.Namespace == a.Namespace {
			f.queue.Add(name)
		}
	}
}

// get returns a BundleDeployment of one of the agents, as its watch last saw it, and that
// agent's Upstream.
func (f *Fleet) get(name types.NamespacedName) (*upstream.Client, *v1alpha1.BundleDeployment) {
	at, ours := f.own[name.Namespace]
	if !ours {
		return nil, nil
	}
	f.mu.RLock()
	w := f.mu.watches[name.Namespace]
	if w == nil {
		w = f.mu.watches[""]
	}
	f.mu.RUnlock()
	return f.agents[at].Upstream, w.Get(name)
}

func (f *Fleet) known(name types.NamespacedName) *deployment {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.mu.known[name.Namespace][name.Name]
}

func (f *Fleet) remember(name types.NamespacedName, d *deployment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.known[name.Namespace] == nil {
		f.mu.known[name.Namespace] = map[string]*deployment{}
	}
	f.mu.known[name.Namespace][name.Name] = d
}

func (f *Fleet) forget(name types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.known[name.Namespace], name.Name)
}

// Synced reports whether all agents have seen everything that existed when they started.
func (f *Fleet) Synced() bool {
	f.mu.RLock()
	watches := slices.Collect(maps.Values(f.mu.watches))
	f.mu.RUnlock()
	for _, w := range watches {
		if !w.HasSynced() {
			return false
		}
	}
	return len(watches) > 0 && (f.options.OneWatch || len(watches) == len(f.own))
}

// Stats returns what the agents have done so far. It reads every BundleDeployment.
func (f *Fleet) Stats() Stats {
	s := f.counted.read()
	s.Elapsed = time.Since(f.started)
	f.mu.RLock()
	watches := slices.Collect(maps.Values(f.mu.watches))
	f.mu.RUnlock()
	for _, w := range watches {
		for _, name := range w.Names() {
			bd := w.Get(name)
			if _, ours := f.own[name.Namespace]; !ours || bd == nil {
				continue
			}
			s.Deployments++
			if reports.State(&bd.Spec, &bd.Status) == v1alpha1.Ready {
				s.Ready++
			}
		}
	}
	return s
}

// complain writes an error, unless it wrote another one less than a second ago.
func (f *Fleet) complain(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.mu.said) >= time.Second {
		f.mu.said = now
		_, _ = io.WriteString(f.log, err.Error()+"\n") // an error of the log has no other place to go
	}
}
