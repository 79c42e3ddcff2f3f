// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

const (
	// Path is where programs serve a Handler.
	Path = "/metrics/fleet"
	// DefaultBundleDeployments is the default of Options.BundleDeployments.
	DefaultBundleDeployments = 10_000
	// contentType is that of the text format.
	contentType = "text/plain; version=0.0.4; charset=utf-8"
	// answerWithin bounds how long a slow client may hold a view, and with it the history
	// since.
	answerWithin = 2 * time.Minute
)

// Engine is the part of an engine that a scrape reads.
type Engine interface {
	Ready() error
	Current() (*view.View, error)
}

var _ Engine = (*engine.Engine)(nil)

// Handler serves the metrics of an engine. The caller guards it by authorization: the series
// name Bundles and Clusters.
type Handler struct {
	engine  Engine
	options Options
}

// New returns a handler.
func New(e Engine, o Options) *Handler { return &Handler{engine: e, options: o} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "GET reads the metrics", http.StatusMethodNotAllowed)
		return
	}
	if h.options.Leads != nil && !h.options.Leads() {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(http.StatusOK)
		return
	}
	v, err := h.view()
	if err != nil {
		http.Error(w, fmt.Sprintf("this process cannot give right numbers now: %v", err), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Vary", "Accept-Encoding")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWithin)) // some writers have none
	if !strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
		_ = h.write(w, v) // an error means that the client has left
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	packed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level exists
	}
	if h.write(packed, v) == nil {
		_ = packed.Close()
	}
}

// errUnsure means that some objects cannot be read, and may exist.
var errUnsure = errors.New("a record cannot be read, so it is unknown what exists: the log names it")

// view returns the current view if its numbers are right. It refuses where a list of the API
// would.
func (h *Handler) view() (*view.View, error) {
	if err := h.engine.Ready(); err != nil {
		return nil, err
	}
	v, err := h.engine.Current()
	if err != nil {
		return nil, err
	}
	if v.Whole == view.Never {
		return nil, errUnsure
	}
	for _, resource := range []string{record.Bundles, record.Clusters, record.ClusterGroups} {
		if len(v.Unread[resource]) > 0 {
			return nil, errUnsure
		}
	}
	return v, nil
}

// write writes all families of a view.
func (h *Handler) write(w io.Writer, v *view.View) error {
	t := newText(w)
	leftOut := v.Len(record.BundleDeployments)
	if leftOut <= h.options.BundleDeployments {
		leftOut = 0
	}
	t.single("muster_fleet_metrics_revision", "The etcd revision that all series of this scrape show.", v.Revision)
	t.single("muster_fleet_metrics_bundledeployments_left_out",
		"How many BundleDeployments have no series, because there are more than --fleet-metrics-bundledeployments.", int64(leftOut))
	bundles.write(t, v)
	clusters.write(t, v)
	clusterGroups.write(t, v)
	if leftOut == 0 {
		writeBundleDeployments(t, v)
	}
	return t.flush()
}
