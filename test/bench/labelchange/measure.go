// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	// eventWithin is how long an edit's events are waited for.
	eventWithin = 30 * time.Second
	// straysWithin is how long the watches stay open after the last edit, for
	// events that should not come. After every other edit the next one waits for
	// its own events and meets them.
	straysWithin = 2 * time.Second
	// straysBetween is the same between two sets of watches.
	straysBetween = 100 * time.Millisecond
	// reopenEvery is how many pairs of edits one set of watches serves. Then they
	// are opened anew, in the opposite order, so that neither kind always comes
	// first.
	reopenEvery = 10
)

// edit is one label PATCH and what followed from it. Times count from sending it.
type edit struct {
	added        bool // the label was put on, or taken off
	answered     time.Duration
	cluster      time.Duration
	deployment   time.Duration
	firstGetTrue bool
	writes       int64 // etcd revisions
}

// strays counts the events that should not have come, by what they were.
type strays map[string]int

// results is what all edits together gave.
type results struct {
	edits  []edit
	strays strays
	// repeats counts the events of the very revision that a watch was opened at.
	// Where one revision changes many BundleDeployments, the contract of
	// pkg/registry allows them: a client may have seen only some of them.
	repeats int
}

// event is what a watch delivered, with the time at which this program had it
// decoded.
type event struct {
	resource schema.GroupVersionResource
	kind     watch.EventType
	key      string // namespace/name
	revision string // the object's resourceVersion
	at       time.Time
	err      error
}

func measure(ctx context.Context, c *clients, o options) (results, error) {
	m := &measurement{clients: c, cluster: clusterName(0), results: results{strays: strays{}}}
	object, err := c.requests.Resource(clusters).Namespace(namespace).Get(ctx, m.cluster, metav1.GetOptions{})
	if err != nil {
		return results{}, err
	}
	where, _, _ := unstructured.NestedString(object.Object, "status", "namespace")
	if where == "" {
		return results{}, fmt.Errorf("cluster %s has no status.namespace", m.cluster)
	}
	m.where = where

	order := []schema.GroupVersionResource{clusters, deployments, bundles}
	for done := 0; done < o.edits; {
		pairs := min(reopenEvery, o.edits-done)
		if err := m.round(ctx, order, pairs, done+pairs == o.edits); err != nil {
			return results{}, err
		}
		done += pairs
		order[0], order[1] = order[1], order[0]
	}
	return m.results, nil
}

type measurement struct {
	clients *clients
	cluster string // the one that is edited
	where   string // its namespace for BundleDeployments
	opened  string // the revision that the watches were opened at
	events  chan event
	results results
}

// round opens watches in that order, edits, and closes them.
func (m *measurement) round(ctx context.Context, order []schema.GroupVersionResource, pairs int, last bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.events = make(chan event, 1024)
	revision, err := m.revision(ctx)
	if err != nil {
		return err
	}
	m.opened = strconv.FormatInt(revision, 10)
	for _, resource := range order {
		w, err := m.clients.watches[resource].Resource(resource).Watch(ctx, metav1.ListOptions{ResourceVersion: m.opened})
		if err != nil {
			return fmt.Errorf("watching %s: %w", resource.Resource, err)
		}
		defer w.Stop()
		go forward(ctx, resource, w, m.events)
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

// forward runs until the watch ends, which is an error unless the round is over.
func forward(ctx context.Context, resource schema.GroupVersionResource, w watch.Interface, events chan<- event) {
	send := func(e event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	for received := range w.ResultChan() {
		at := time.Now()
		object, ok := received.Object.(*unstructured.Unstructured)
		switch {
		case received.Type == watch.Bookmark:
		case received.Type == watch.Error || !ok:
			send(event{err: fmt.Errorf("watching %s: %w", resource.Resource, apierrors.FromObject(received.Object))})
			return
		default:
			send(event{resource: resource, kind: received.Type, key: object.GetNamespace() + "/" + object.GetName(), revision: object.GetResourceVersion(), at: at})
		}
	}
	send(event{err: fmt.Errorf("the watch of %s ended", resource.Resource)})
}

// edit puts the label on or takes it off, asks for the BundleDeployment once, and
// waits for the two events.
func (m *measurement) edit(ctx context.Context, add bool) error {
	before, err := m.revision(ctx)
	if err != nil {
		return err
	}
	value, wantKind := "null", watch.Deleted
	if add {
		value, wantKind = strconv.Quote(labelValue), watch.Added
	}
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%s}}}`, labelKey, value)

	e := edit{added: add}
	sent := time.Now()
	if _, err := m.clients.requests.Resource(clusters).Namespace(namespace).Patch(ctx, m.cluster, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("labelling: %w", err)
	}
	e.answered = time.Since(sent)
	_, err = m.clients.requests.Resource(deployments).Namespace(m.where).Get(ctx, waitingName, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("getting the BundleDeployment: %w", err)
	}
	e.firstGetTrue = (err == nil) == add

	timeout := time.NewTimer(eventWithin)
	defer timeout.Stop()
	for e.cluster == 0 || e.deployment == 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timeout.C:
			return fmt.Errorf("edit %d: after %s the Cluster's event had come: %t, the BundleDeployment's: %t", len(m.results.edits), eventWithin, e.cluster != 0, e.deployment != 0)
		case got := <-m.events:
			switch {
			case got.err != nil:
				return got.err
			case e.cluster == 0 && got.resource == clusters && got.key == namespace+"/"+m.cluster && got.kind == watch.Modified:
				e.cluster = got.at.Sub(sent)
			case e.deployment == 0 && got.resource == deployments && got.key == m.where+"/"+waitingName && got.kind == wantKind:
				e.deployment = got.at.Sub(sent)
			default:
				m.stray(got)
			}
		}
	}
	after, err := m.revision(ctx)
	if err != nil {
		return err
	}
	e.writes = after - before
	m.results.edits = append(m.results.edits, e)
	return nil
}

// stray counts an event that no edit was waiting for. The one Bundle that is
// deployed or withdrawn says so in its own status: that is its due.
func (m *measurement) stray(e event) {
	if e.resource == bundles && e.key == namespace+"/"+waitingName && e.kind == watch.Modified {
		return
	}
	if e.revision == m.opened {
		m.results.repeats++
		return
	}
	m.results.strays[fmt.Sprintf("%s %s %s", e.kind, e.resource.Resource, e.key)]++
}

func (m *measurement) drain(within time.Duration) {
	over := time.NewTimer(within)
	defer over.Stop()
	for {
		select {
		case <-over.C:
			return
		case e := <-m.events:
			if e.err == nil {
				m.stray(e)
			}
		}
	}
}

// revision is the etcd revision that a linearizable list carries.
func (m *measurement) revision(ctx context.Context) (int64, error) {
	list, err := m.clients.requests.Resource(clusters).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, err
	}
	revision, err := strconv.ParseInt(list.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the list's resourceVersion is no etcd revision: %w", err)
	}
	return revision, nil
}

// percentile is the smallest value that is not exceeded by more than the rest of
// the values: nearest rank, so that it is always one that was measured.
func percentile(values []time.Duration, percent int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}
