// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package lists

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	goruntime "runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/names"
)

const path = "/apis/fleet.cattle.io/v1alpha1/"

// sink receives a response. It counts objects, and keeps the first bytes.
type sink struct {
	header http.Header
	code   int
	head   []byte
	size   int

	mu      sync.Mutex
	objects int
	// reached is signalled when sink has counted wanted objects.
	wanted  int
	reached chan struct{}
}

var mark = []byte(`"creationTimestamp":"`)

func newSink() *sink {
	return &sink{header: http.Header{}, reached: make(chan struct{}, 1)}
}

func (s *sink) Header() http.Header  { return s.header }
func (s *sink) WriteHeader(code int) { s.code = code }
func (s *sink) Flush()               {}

// CloseNotify makes sink a writer that the server's wrappers can flush.
func (s *sink) CloseNotify() <-chan bool { return nil }

// Write counts objects. Writes of lists and events that are not compressed never cut an
// object in two.
func (s *sink) Write(data []byte) (int, error) {
	if room := 2048 - len(s.head); room > 0 {
		s.head = append(s.head, data[:min(room, len(data))]...)
	}
	s.size += len(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects += bytes.Count(data, mark)
	if s.wanted > 0 && s.objects >= s.wanted {
		s.wanted = 0
		s.reached <- struct{}{}
	}
	return len(data), nil
}

// expect makes sink signal reached after so many more objects.
func (s *sink) expect(more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = s.objects + more
}

// wait blocks until the expected objects of a response that does not end have arrived.
func (s *sink) wait(b *testing.B, done <-chan struct{}) {
	b.Helper()
	select {
	case <-s.reached:
	case <-done:
		b.Fatalf("%d %s", s.code, s.head)
	}
}

func (f *fleet) serve(ctx context.Context, url string, header http.Header, to *sink) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path+url, nil)
	if err != nil {
		panic(err)
	}
	request.Header = header
	f.handler.ServeHTTP(to, request)
}

func (f *fleet) get(b *testing.B, url string, header http.Header) *sink {
	b.Helper()
	to := newSink()
	f.serve(b.Context(), url, header, to)
	return to
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// perObject reports the cost of do, divided by the number of objects that it returns.
func perObject(b *testing.B, do func() int) {
	b.Helper()
	var before, after goruntime.MemStats
	objects := 0
	do()
	goruntime.ReadMemStats(&before)
	used := cpu(b)
	for b.Loop() {
		objects += do()
	}
	used = cpu(b) - used
	goruntime.ReadMemStats(&after)
	each := 1 / float64(max(1, objects))
	b.ReportMetric(float64(used.Nanoseconds())/1e3*each, "CPU-µs/object")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)*each, "allocs/object")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)*each, "B/object")
	b.ReportMetric(float64(objects)/b.Elapsed().Seconds(), "objects/s")
}

var plain = http.Header{"Accept": {"application/json"}}

var compressed = http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}}

func BenchmarkLists(b *testing.B) {
	for _, reported := range []bool{false, true} {
		f := start(b, 100, 100, reported)
		home := names.ClusterNamespace(namespace, "cluster-00042")
		name := "reported=" + fmt.Sprint(reported) + "/"
		for _, c := range []struct {
			name, url string
			objects   int
		}{
			{"page of 500", "bundledeployments?limit=500&resourceVersion=0", 500},
			{"agent's 20", "namespaces/" + home + "/bundledeployments?limit=20&resourceVersion=0", 20},
			{"one", "namespaces/" + home + "/bundledeployments/" + bundleName(7) + "?resourceVersion=0", 1},
		} {
			b.Run(name+c.name, func(b *testing.B) {
				perObject(b, func() int {
					got := f.get(b, c.url, plain)
					require.Equal(b, c.objects, got.objects, "%s", got.head)
					return c.objects
				})
			})
		}
		b.Run(name+"page of 500, compressed", func(b *testing.B) {
			perObject(b, func() int {
				got := f.get(b, "bundledeployments?limit=500&resourceVersion=0", compressed)
				require.Equal(b, "gzip", got.header.Get("Content-Encoding"))
				return 500
			})
		})
		b.Run(name+"stream", func(b *testing.B) {
			all := f.bundles * f.clusters
			perObject(b, func() int {
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				to, done := f.watch(ctx, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", all)
				to.wait(b, done)
				cancel()
				<-done
				return all
			})
		})
	}
}

// watch starts a watch of everything that expects so many objects.
func (f *fleet) watch(ctx context.Context, more string, objects int) (*sink, <-chan struct{}) {
	to, done := newSink(), make(chan struct{})
	to.expect(objects)
	go func() {
		defer close(done)
		f.serve(ctx, "bundledeployments?watch=1&allowWatchBookmarks=true"+more, plain, to)
	}()
	return to, done
}

// BenchmarkEvents edits Bundles, each of which is on 1,000 Clusters.
func BenchmarkEvents(b *testing.B) {
	f := start(b, 4, 1000, false)
	for _, watchers := range []int{0, 1} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var sinks []*sink
			var ended []<-chan struct{}
			for range watchers {
				to, done := f.watch(ctx, "&resourceVersion="+f.revision(b), 0)
				sinks, ended = append(sinks, to), append(ended, done)
			}
			perObject(b, func() int {
				for _, to := range sinks {
					to.expect(f.clusters)
				}
				f.edit(b)
				for i, to := range sinks {
					to.wait(b, ended[i])
				}
				return f.clusters
			})
			cancel()
			for _, done := range ended {
				<-done
			}
		})
	}
}

// revision returns the resourceVersion of a list of the current state.
func (f *fleet) revision(b *testing.B) string {
	b.Helper()
	got := f.get(b, "clusters?limit=1", plain)
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	head, _, _ := bytes.Cut(got.head, []byte(`,"items"`))
	require.NoError(b, json.Unmarshal(append(head, '}'), &list))
	return list.Metadata.ResourceVersion
}
