// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// acknowledgement is a report that the server has answered.
type acknowledgement struct {
	name       types.NamespacedName
	sent, done time.Time
	revision   uint64
}

// recorder notes when reports are sent and acknowledged. It sits below the client,
// so that what the client does with an answer does not count.
type recorder struct {
	next http.RoundTripper
	mu   struct {
		sync.Mutex
		all []acknowledgement
		// refused are answers other than 200, by their code.
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
	_ = response.Body.Close() // all of it has been read
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

// reported is what a request reports on, if it is a report.
func reported(request *http.Request) (types.NamespacedName, bool) {
	parts := strings.Split(request.URL.Path, "/")
	if n := len(parts); request.Method == http.MethodPatch && n >= 5 && parts[n-1] == "status" && parts[n-3] == "bundledeployments" {
		return types.NamespacedName{Namespace: parts[n-4], Name: parts[n-2]}, true
	}
	return types.NamespacedName{}, false
}

// revisionIn finds the resourceVersion without decoding the object: the client does
// that once more, and the load must not cost more than what it measures.
func revisionIn(object []byte) uint64 {
	_, rest, _ := bytes.Cut(object, []byte(`"resourceVersion":"`))
	digits, _, _ := bytes.Cut(rest, []byte(`"`))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return 0
	}
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

// seen is one event.
type seen struct {
	revision uint64
	at       time.Time
}

// watcher notes when the events of each object arrive.
type watcher struct {
	mu struct {
		sync.Mutex
		events map[types.NamespacedName][]seen
		err    error
	}
}

// watchFrom starts a watcher of a resource in a namespace, or in all if it is empty;
// it ends with ctx. It reads the stream itself: an informer that decodes whole
// objects would be late by its own work, on the processors that the servers need.
func watchFrom(ctx context.Context, b *testing.B, c versioned.Interface, namespace, resource, revision string) *watcher {
	b.Helper()
	w := &watcher{}
	w.mu.events = map[types.NamespacedName][]seen{}
	stream, err := c.FleetV1alpha1().RESTClient().Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource).
		Param("watch", "true").Param("resourceVersion", revision).Stream(ctx)
	require.NoError(b, err)
	go func() {
		defer stream.Close()
		lines := bufio.NewReaderSize(stream, 1<<16)
		for {
			line, err := lines.ReadBytes('\n')
			if err == nil {
				err = w.note(line, time.Now())
			}
			if err != nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.mu.err == nil && ctx.Err() == nil {
					w.mu.err = fmt.Errorf("the watch of %s has ended, and what came after is not known: %w", resource, err)
				}
				return
			}
		}
	}()
	return w
}

// note reads of an event only whose it is.
func (w *watcher) note(line []byte, at time.Time) error {
	var event struct {
		Type   watch.EventType
		Object struct {
			Metadata struct{ Namespace, Name, ResourceVersion string }
		}
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return err
	}
	if event.Type == watch.Error {
		return fmt.Errorf("it says %s", line)
	}
	of := event.Object.Metadata
	revision, err := strconv.ParseUint(of.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := types.NamespacedName{Namespace: of.Namespace, Name: of.Name}
	w.mu.events[name] = append(w.mu.events[name], seen{revision, at})
	return nil
}

// since returns how long after each acknowledgement the first event arrived that
// shows it, and false if one has not yet. What arrived before counts as 0.
func (w *watcher) since(all []acknowledgement, of func(types.NamespacedName) types.NamespacedName) ([]time.Duration, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]time.Duration, 0, len(all))
	for _, a := range all {
		events := w.mu.events[of(a.name)]
		i := sort.Search(len(events), func(i int) bool { return events[i].revision >= a.revision })
		if i == len(events) {
			return nil, false, w.mu.err
		}
		out = append(out, max(0, events[i].at.Sub(a.done)))
	}
	return out, true, w.mu.err
}
