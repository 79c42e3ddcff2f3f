// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package labelchange

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

const (
	// eventWithin bounds the wait for an edit's events.
	eventWithin = 30 * time.Second
	// straysWithin is how long the watches stay open after the last edit, for events that
	// should not come. After any other edit, the next one sees them in its own wait.
	straysWithin = 2 * time.Second
	// straysBetween is the same time between two sets of watches.
	straysBetween = 100 * time.Millisecond
	// reopenEvery is the number of pairs of edits that one set of watches serves. The next
	// set is opened in the opposite order, so that neither kind always comes first.
	reopenEvery = 10
)

type measurement struct {
	site    *site.Site
	beside  *yardsticks
	watches map[schema.GroupVersionResource]*rest.RESTClient
	cluster string // the edited Cluster
	where   string // its namespace for BundleDeployments
	events  chan site.Event
	broken  chan error
	results results
}

func measure(ctx context.Context, s *site.Site, beside *yardsticks, edits int) (*results, error) {
	m := &measurement{site: s, beside: beside, cluster: fleets.ClusterName(0), where: fleets.Home(0), watches: map[schema.GroupVersionResource]*rest.RESTClient{}}
	m.results.strays = map[string]int{}
	before, err := site.Scrape(ctx, s.Client)
	if err != nil {
		return nil, err
	}
	order := []schema.GroupVersionResource{site.Clusters, site.Deployments, site.Bundles}
	for _, resource := range order {
		if m.watches[resource], err = site.Connect(s.Config); err != nil {
			return nil, err
		}
	}
	for done := 0; done < edits; {
		pairs := min(reopenEvery, edits-done)
		if err := m.round(ctx, order, pairs, done+pairs == edits); err != nil {
			return nil, err
		}
		done += pairs
		order[0], order[1] = order[1], order[0]
	}
	after, err := site.Scrape(ctx, s.Client)
	m.results.rendered = int(after[site.RenderedDeployments] - before[site.RenderedDeployments])
	return &m.results, err
}

// round opens watches in that order, edits, and closes them.
func (m *measurement) round(ctx context.Context, order []schema.GroupVersionResource, pairs int, last bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.events, m.broken = make(chan site.Event, 1024), make(chan error, len(order))
	from, err := site.Version(ctx, m.site.Client, site.Clusters)
	if err != nil {
		return err
	}
	for _, resource := range order {
		if err := site.Collect(ctx, m.watches[resource], resource, from, m.events, m.broken); err != nil {
			return err
		}
	}
	for range pairs {
		for _, add := range []bool{true, false} {
			if err := m.edit(ctx, add); err != nil {
				return err
			}
		}
	}
	if last {
		m.drain(straysWithin)
	} else {
		m.drain(straysBetween)
	}
	return nil
}

func labelPatch(add bool) string {
	if add {
		return fleets.LabelPatch(fleets.Key, fleets.Value)
	}
	return fleets.LabelPatch(fleets.Key, "")
}

// edit adds or removes the label, reads the BundleDeployment once, waits for the two
// events, and does the same with the yardsticks.
func (m *measurement) edit(ctx context.Context, add bool) error {
	before, err := site.Revision(ctx, m.site.Client)
	if err != nil {
		return err
	}
	wantKind := "DELETED"
	if add {
		wantKind = "ADDED"
	}
	e := edit{added: add}
	patch := m.site.Client.Patch(types.MergePatchType).AbsPath(site.Path(site.Clusters, fleets.Namespace, m.cluster)).Body([]byte(labelPatch(add)))
	get := m.site.Client.Get().AbsPath(site.Path(site.Deployments, m.where, fleets.Waiting))
	sent := time.Now()
	answer, err := site.Answer(ctx, patch)
	if err != nil {
		return err
	}
	e.answered = time.Since(sent)
	err = get.Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("getting the BundleDeployment: %w", err)
	}
	e.firstGetRight = (err == nil) == add
	if err == nil {
		m.results.seen++
	}

	timeout := time.NewTimer(eventWithin)
	defer timeout.Stop()
	for e.cluster == 0 || e.deployment == 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-m.broken:
			return err
		case <-timeout.C:
			return fmt.Errorf("edit %d: after %s the Cluster's event had come: %t, the BundleDeployment's: %t", len(m.results.edits), eventWithin, e.cluster != 0, e.deployment != 0)
		case got := <-m.events:
			m.see(got)
			switch {
			case e.cluster == 0 && got.Resource == site.Clusters && got.Key() == fleets.Namespace+"/"+m.cluster && got.Type == "MODIFIED":
				e.cluster = got.At.Sub(sent)
			case e.deployment == 0 && got.Resource == site.Deployments && got.Key() == m.where+"/"+fleets.Waiting && got.Type == wantKind:
				e.deployment = got.At.Sub(sent)
			default:
				m.stray(got)
			}
		}
	}
	after, err := site.Revision(ctx, m.site.Client)
	if err != nil {
		return err
	}
	e.writes = after - before
	if e.etcd, err = m.beside.put(strings.Repeat("x", len(answer))); err != nil {
		return err
	}
	if e.custom, err = m.beside.label(ctx, add); err != nil {
		return err
	}
	m.results.edits = append(m.results.edits, e)
	return nil
}

// stray counts an event that no edit waits for. The one Bundle that is deployed or
// withdrawn may change, because its own status says so.
func (m *measurement) stray(e site.Event) {
	if e.Resource == site.Bundles && e.Key() == fleets.Namespace+"/"+fleets.Waiting && e.Type == "MODIFIED" {
		return
	}
	m.results.strays[fmt.Sprintf("%s %s %s", e.Type, e.Resource.Resource, e.Key())]++
}

func (m *measurement) drain(within time.Duration) {
	over := time.NewTimer(within)
	defer over.Stop()
	for {
		select {
		case <-over.C:
			return
		case e := <-m.events:
			m.see(e)
			m.stray(e)
		}
	}
}

// see counts the BundleDeployments that arrived here.
func (m *measurement) see(e site.Event) {
	if e.Resource == site.Deployments && e.Type != "BOOKMARK" {
		m.results.seen++
	}
}
