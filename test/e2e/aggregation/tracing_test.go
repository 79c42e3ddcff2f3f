// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var spans = &spanCollector{}

// spanCollector is an OpenTelemetry collector that records the paths of requests.
type spanCollector struct {
	collector.UnimplementedTraceServiceServer
	mu struct {
		sync.Mutex
		paths map[string]bool
	}
}

// Export implements collector.TraceServiceServer.
func (s *spanCollector) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.paths == nil {
		s.mu.paths = map[string]bool{}
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				for _, attribute := range span.GetAttributes() {
					s.mu.paths[attribute.GetValue().GetStringValue()] = true
				}
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func (s *spanCollector) saw(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.mu.paths {
		if strings.Contains(path, text) {
			return true
		}
	}
	return false
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

func TestRequestsAreTraced(t *testing.T) {
	t.Parallel()
	p := administrator(t)
	p.does(t, "get", "bundles")
	waitFor(t, "a span of the request has been exported", func() bool {
		return spans.saw("/apis/fleet.cattle.io/v1alpha1/namespaces/" + p.namespace + "/bundles")
	})
}
