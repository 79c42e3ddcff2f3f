// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics shows Prometheus what the engine and the stores count.
//
// A scrape reads one view, so its numbers are consistent. All names begin with muster_;
// docs/metrics.md says what each means and when to worry.
//
// families.go names all metrics, with their help; collector.go fills them with the numbers
// of one scrape (engine.Stats, storage.Stats); this file holds what is counted as it happens.
// Controllers have metrics of their own, in their packages.
//
// Counting costs three observations of histograms: one for each revision, one for each
// transaction of reports, and one a second. A scrape reads atomics and waits at most for
// the revision that is being applied. It visits each Bundle and each revision of the
// history once for each view.
//
// A Metrics is safe for concurrent use.
package metrics

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/storage"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Engine is the part of an engine that is shown.
type Engine interface {
	Stats() engine.Stats
	Current() (*view.View, error)
}

var _ Engine = (*engine.Engine)(nil)

// Registry is where metrics are registered.
type Registry interface {
	Register(metrics.Registerable) error
	CustomRegister(metrics.StableCollector) error
}

var _ Registry = metrics.KubeRegistry(nil)

// Metrics are the metrics of one replica.
type Metrics struct {
	pulse, apply, group *metrics.Histogram
	build               *metrics.GaugeVec
	shown               atomic.Pointer[shown]
}

// shown holds what a scrape reads.
type shown struct {
	engine   Engine
	activity *storage.Activity

	mu struct {
		sync.Mutex
		last *figures
		// of is the view of last. The pointer is weak, so that it does not hold the view's
		// history until the next scrape.
		of weak.Pointer[view.View]
	}
}

// New returns metrics that are registered nowhere and show nothing.
func New() *Metrics {
	return &Metrics{
		pulse: histogram("muster_etcd_pulse_duration_seconds", metrics.ExponentialBuckets(0.0005, 2, 13),
			"How long etcd took to answer a quorum read of its revision, measured about once a second while no other read is under way."),
		apply: histogram("muster_apply_duration_seconds", metrics.ExponentialBuckets(0.0001, 2.5, 13),
			"How long a revision that changed records took to become a view, from its arrival to the wake-up of watchers."),
		group: histogram("muster_report_group_size", metrics.ExponentialBuckets(1, 2, 7),
			"How many reports each transaction of reports to etcd carries: reports that arrive during a transaction share the next one."),
		// kubernetes_build_info would not do: its version is that of Kubernetes' build, which no
		// build of Muster has (see server.Version), and alerts compare it between Kubernetes' own
		// components.
		build: metrics.NewGaugeVec(&metrics.GaugeOpts{
			Name: "muster_build_info", Help: "Always 1; the labels name the version of Muster and the Go release that built it.", StabilityLevel: metrics.ALPHA,
		}, []string{"version", "go_version"}),
	}
}

func histogram(name string, buckets []float64, help string) *metrics.Histogram {
	return metrics.NewHistogram(&metrics.HistogramOpts{Name: name, Help: help, Buckets: buckets, StabilityLevel: metrics.ALPHA})
}

// Process returns the metrics of this process, which its /metrics serves.
var Process = sync.OnceValue(func() *Metrics {
	m := New()
	if err := m.Register(legacy{}); err != nil {
		panic(err) // only if another package uses one of these names
	}
	return m
})

// legacy is the registry of the process.
type legacy struct{}

func (legacy) Register(r metrics.Registerable) error { return legacyregistry.Register(r) }
func (legacy) CustomRegister(c metrics.StableCollector) error {
	return legacyregistry.CustomRegister(c)
}

// Register registers all metrics. Observers count nothing before that.
func (m *Metrics) Register(r Registry) error {
	for _, each := range []metrics.Registerable{m.pulse, m.apply, m.group, m.build} {
		if err := r.Register(each); err != nil {
			return err
		}
	}
	m.build.WithLabelValues(server.Version(), runtime.Version()).Set(1)
	return r.CustomRegister(newCollector(m))
}

// Observers returns what the options of the shown engine need.
func (m *Metrics) Observers() engine.Observers {
	return engine.Observers{Pulse: m.pulse, Apply: m.apply}
}

// Groups returns the observer for the log of that engine. It observes the sizes of groups
// of writes.
func (m *Metrics) Groups() engine.Observer { return m.group }

// Show shows an engine and its stores' activity, instead of what was shown before, until
// hide is called.
func (m *Metrics) Show(e Engine, activity *storage.Activity) (hide func()) {
	s := &shown{engine: e, activity: activity}
	m.shown.Store(s)
	return func() { m.shown.CompareAndSwap(s, nil) }
}
