// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
)

// counting is an answer of which only the size is kept.
type counting struct {
	header http.Header
	bytes  int64
}

func (c *counting) Header() http.Header { return c.header }
func (c *counting) WriteHeader(int)     {}
func (c *counting) Write(b []byte) (int, error) {
	c.bytes += int64(len(b))
	return io.Discard.Write(b)
}

// BenchmarkScrape measures scrapes of a fleet of 3,000 Bundles and 1,000 Clusters with 100,000
// BundleDeployments: with and without the series of these, and compressed.
func BenchmarkScrape(b *testing.B) {
	v := large(b, 3_000, 1_000, 100)
	for name, c := range map[string]struct {
		most     int
		encoding string
	}{
		"objects":      {0, ""},
		"objects-gzip": {0, "gzip"},
		"all":          {math.MaxInt, ""},
		"all-gzip":     {math.MaxInt, "gzip"},
	} {
		b.Run(name, func(b *testing.B) {
			h := New(&engineOf{view: v}, Options{BundleDeployments: c.most})
			request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, Path, nil)
			request.Header.Set("Accept-Encoding", c.encoding)
			b.ReportAllocs()
			var bytes int64
			for b.Loop() {
				w := &counting{header: http.Header{}}
				h.ServeHTTP(w, request)
				bytes = w.bytes
			}
			b.ReportMetric(float64(bytes)/1e6, "MB/answer")
		})
	}
	b.Log(fmt.Sprint(v.Len("bundledeployments"), " BundleDeployments"))
}
