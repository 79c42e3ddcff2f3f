// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var spans = &spanCollector{}

// spanCollector is an OpenTelemetry collector that records the names of the spans of each
// trace, and the paths in it.
type spanCollector struct {
	collector.UnimplementedTraceServiceServer
	mu struct {
		sync.Mutex
		traces map[string]*trace
	}
}

type trace struct{ names, texts map[string]bool }

// Export implements collector.TraceServiceServer.
func (s *spanCollector) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.traces == nil {
		s.mu.traces = map[string]*trace{}
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				id := string(span.GetTraceId())
				if s.mu.traces[id] == nil {
					s.mu.traces[id] = &trace{map[string]bool{}, map[string]bool{}}
				}
				s.mu.traces[id].names[span.GetName()] = true
				for _, attribute := range span.GetAttributes() {
					s.mu.traces[id].texts[attribute.GetValue().GetStringValue()] = true
				}
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// of returns the names of the spans of a request for a path, so far.
func (s *spanCollector) of(path string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, trace := range s.mu.traces {
		if trace.texts[path] {
			names = slices.Concat(names, slices.Sorted(maps.Keys(trace.names)))
		}
	}
	return names
}

// startTracing starts the collector, and returns a configuration that sends it every
// request.
func startTracing(t cluster.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, spans)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	file := filepath.Join(cluster.Folder(t, "tracing"), "tracing.yaml")
	text := fmt.Sprintf("apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: %s\nsamplingRatePerMillion: 1000000\n", listener.Addr())
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// The oracle is the page, which lists the spans of a request, the outermost first.
func TestRequestsAreTracedAsThePageSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", "tracing.md"))
	require.NoError(t, err)
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, row[1])
	}
	require.Contains(t, listed, "SerializeObject")
	p := administrator(t)
	p.does(t, "get", "bundles")
	path := "/apis/fleet.cattle.io/v1alpha1/namespaces/" + p.namespace + "/bundles"
	waitFor(t, "all spans of the page have been exported", func() bool {
		found := spans.of(path)
		return !slices.ContainsFunc(listed, func(name string) bool { return !slices.Contains(found, name) })
	})
	for _, name := range spans.of(path) {
		if !strings.HasPrefix(name, "GET /") {
			require.Contains(t, listed, name, "the page does not list it")
		}
	}
}
