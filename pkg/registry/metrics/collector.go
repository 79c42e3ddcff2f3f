// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"weak"

	"k8s.io/component-base/metrics"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/storage"
	"github.com/musterfleet/muster/pkg/registry/view"
)

var _ metrics.StableCollector = (*collector)(nil)

// collector reads all metrics at the scrape.
type collector struct {
	metrics.BaseStableCollector
	of    *Metrics
	descs []*metrics.Desc // in the order of families
}

func newCollector(of *Metrics) *collector {
	c := &collector{of: of}
	for _, f := range families {
		c.descs = append(c.descs, metrics.NewDesc(f.name, f.help, f.labels, nil, metrics.ALPHA, ""))
	}
	return c
}

// DescribeWithStability implements metrics.StableCollector.
func (c *collector) DescribeWithStability(ch chan<- *metrics.Desc) {
	for _, desc := range c.descs {
		ch <- desc
	}
}

// CollectWithStability implements metrics.StableCollector.
func (c *collector) CollectWithStability(ch chan<- metrics.Metric) {
	s := c.of.shown.Load()
	if s == nil {
		return
	}
	scrape := s.scrape()
	for i, f := range families {
		f.read(scrape, func(value float64, labels ...string) {
			ch <- metrics.NewLazyConstMetric(c.descs[i], f.kind, value, labels...)
		})
	}
}

// scrape is the source of all families in one scrape.
type scrape struct {
	engine.Stats
	// figures is nil before the first view.
	*figures
	activity *storage.Activity
}

// figures are the numbers of a view.
type figures struct {
	revision, oldest int64
	objects          map[string]int
	failing          int
	history          view.History
}

func (s *shown) scrape() *scrape {
	scrape := &scrape{activity: s.activity}
	if v, err := s.engine.Current(); err == nil {
		scrape.figures = s.count(v)
	}
	scrape.Stats = s.engine.Stats()
	if scrape.figures != nil {
		scrape.Revision = scrape.revision
	}
	return scrape
}

// count returns the figures of a view, which it visits only once.
func (s *shown) count(v *view.View) *figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := weak.Make(v)
	if s.mu.last != nil && s.mu.of == of {
		return s.mu.last
	}
	f := &figures{revision: v.Revision, oldest: v.Oldest, objects: map[string]int{}}
	for _, kind := range kinds.All() {
		if kind.Plural != "contents" { // no view holds them
			f.objects[kind.Plural] = v.Len(kind.Plural)
		}
	}
	for item := range v.All(record.Bundles, record.Name{}) {
		if item.(*view.Object).Derived.Failure != "" {
			f.failing++
		}
	}
	f.history = v.History()
	s.mu.last, s.mu.of = f, of
	return f
}
