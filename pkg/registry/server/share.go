// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
)

// sharing gives lists and watches of the group what they need of the processors and of
// memory, so that users share both. It stands innermost: what waits here has passed
// priority and fairness, and the gate.
type sharing struct{ limits *fair.Limits }

func (s sharing) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx := req.Context()
		info, ok := request.RequestInfoFrom(ctx)
		if !ok || !info.IsResourceRequest || info.APIGroup != v1alpha1.SchemeGroupVersion.Group {
			next.ServeHTTP(w, req)
			return
		}
		name := ""
		if user, ok := request.UserFrom(ctx); ok {
			name = user.GetName()
		}
		client := s.limits.NewClient(name, factorOf(req))
		defer client.Close()
		ctx = client.In(ctx)
		switch {
		case info.Verb == "list":
			w = responsewriter.WrapForHTTP1Or2(&listWriter{ResponseWriter: w, ctx: ctx, client: client})
		case info.Verb == "watch" && req.Header.Get("Upgrade") == "":
			// A WebSocket takes the connection over, and writes to it by itself.
			w = responsewriter.WrapForHTTP1Or2(&eventWriter{ResponseWriter: w, ctx: ctx, turn: client.Events()})
		case info.Verb != "watch":
			next.ServeHTTP(w, req)
			return
		}
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

// factorOf is how many times the size of its JSON a list takes while it is answered.
// BundleDeployments in JSON are written one by one; what else is not plain JSON is built
// as a whole, some of it several times.
func factorOf(req *http.Request) int64 {
	accept := req.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "yaml"):
		return 16
	case strings.Contains(accept, "as="): // Table, PartialObjectMetadataList
		return 4
	case req.URL.Query().Has("pretty"), !strings.Contains(accept, "json"):
		return 4
	}
	return 2
}

// listWriter sends a list. Its request does not compute while the client reads.
type listWriter struct {
	http.ResponseWriter
	ctx    context.Context
	client *fair.Client
}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (w *listWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *listWriter) Write(data []byte) (n int, err error) {
	err = w.client.Outside(w.ctx, func() error {
		n, err = w.ResponseWriter.Write(data)
		return err
	})
	return n, err
}

// eventWriter sends the events of a watch. Of thousands of watches that have something to
// send at once, a few send.
type eventWriter struct {
	http.ResponseWriter
	ctx  context.Context
	turn *fair.Turn
}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (w *eventWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *eventWriter) Write(data []byte) (n int, err error) {
	if ended := w.turn.Lease(w.ctx, func() { n, err = w.ResponseWriter.Write(data) }); ended != nil {
		return n, ended
	}
	return n, err
}

// Flush implements http.Flusher.
func (w *eventWriter) Flush() {
	// Where the context has ended, the next write says so.
	_ = w.turn.Lease(w.ctx, func() { w.ResponseWriter.(http.Flusher).Flush() })
}
