// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/poll"
)

// acknowledgement holds a report that the server has answered.
type acknowledgement struct {
	name       types.NamespacedName
	sent, done time.Time
	revision   uint64
}

// recorder records when reports are sent and acknowledged, without the client's own work on
// an answer.
type recorder struct {
	next http.RoundTripper
	mu   struct {
		sync.Mutex
		all []acknowledgement
		// refused counts answers other than 200, by their code.
		refused map[int]int
	}
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	name, ok := reported(request)
	if !ok {
		return r.next.RoundTrip(request)
	}
	sent := time.Now()
	response, err := r.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer to a report: %w", err)
	}
	done := time.Now()
	_ = response.Body.Close() // the body has been read
	response.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	if response.StatusCode != http.StatusOK {
		if r.mu.refused == nil {
			r.mu.refused = map[int]int{}
		}
		r.mu.refused[response.StatusCode]++
		return response, nil
	}
	r.mu.all = append(r.mu.all, acknowledgement{name: name, sent: sent, done: done, revision: revisionIn(body)})
	return response, nil
}

// reported returns the BundleDeployment of a request that is a report.
func reported(request *http.Request) (types.NamespacedName, bool) {
	parts := strings.Split(request.URL.Path, "/")
	if n := len(parts); request.Method == http.MethodPatch && n >= 5 && parts[n-1] == "status" && parts[n-3] == "bundledeployments" {
		return types.NamespacedName{Namespace: parts[n-4], Name: parts[n-2]}, true
	}
	return types.NamespacedName{}, false
}

// revisionIn returns the resourceVersion of an object, or 0 if it has none. It does not
// decode the object: the client does that anyway, and the load must not cost more than what
// it measures.
func revisionIn(object []byte) uint64 {
	_, rest, _ := bytes.Cut(object, []byte(`"resourceVersion":"`))
	digits, _, _ := bytes.Cut(rest, []byte(`"`))
	n, _ := strconv.ParseUint(string(digits), 10, 64)
	return n
}

func (r *recorder) acknowledged() []acknowledgement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.all[:len(r.mu.all):len(r.mu.all)]
}

func (r *recorder) refused() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.mu.refused)
}

// heard records when the events of each object of a resource arrive.
type heard struct {
	mu struct {
		sync.Mutex
		events map[types.NamespacedName][]event
		err    error
	}
}

type event struct {
	revision uint64
	at       time.Time
}

// hear opens a watch of all namespaces that lasts until ctx ends.
func hear(ctx context.Context, c *rest.RESTClient, resource schema.GroupVersionResource) (*heard, error) {
	version, err := site.Version(ctx, c, resource)
	if err != nil {
		return nil, err
	}
	h := &heard{}
	h.mu.events = map[types.NamespacedName][]event{}
	fail := func(err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.mu.err == nil {
			h.mu.err = err
		}
	}
	return h, site.Watch(ctx, c, resource, "", version, nil, func(e site.Event) {
		revision, err := strconv.ParseUint(e.Revision, 10, 64)
		if err != nil {
			fail(err)
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		name := types.NamespacedName{Namespace: e.Namespace, Name: e.Name}
		h.mu.events[name] = append(h.mu.events[name], event{revision, e.At})
	}, fail)
}

// wait returns the time from each acknowledgement to the first event that shows it: 0 for
// an event that arrived before. It blocks until all have arrived.
func (h *heard) wait(ctx context.Context, all []acknowledgement) (took []time.Duration, err error) {
	err = poll.Until(ctx, heardWithin, func(context.Context) error {
		took, err = h.since(all)
		return err
	})
	return took, err
}

func (h *heard) since(all []acknowledgement) ([]time.Duration, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]time.Duration, 0, len(all))
	for _, a := range all {
		events := h.mu.events[a.name]
		i := sort.Search(len(events), func(i int) bool { return events[i].revision >= a.revision })
		switch {
		case i < len(events):
			out = append(out, max(0, events[i].at.Sub(a.done)))
		case h.mu.err != nil:
			return nil, poll.Stop(h.mu.err)
		default:
			return nil, fmt.Errorf("the report on %s led to no event", a.name)
		}
	}
	return out, nil
}

// ofBundles returns reports as changes of their Bundles, with the first resourceVersion of
// the revision, because the places of two resources within a revision cannot be compared.
func ofBundles(reports []acknowledgement) []acknowledgement {
	out := slices.Clone(reports)
	for i := range out {
		out[i].name.Namespace = fleets.Namespace
		out[i].revision = uint64(view.FirstOf(view.Version(out[i].revision).Revision()))
	}
	return out
}
