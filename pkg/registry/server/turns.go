// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
)

// sharing makes users share the processors and the memory. It applies to requests for the
// group that need much of either. It is innermost: a request that waits here has passed
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
		req = req.WithContext(ctx)
		switch {
		case info.Verb != "watch":
			client.Small()
			w = responsewriter.WrapForHTTP1Or2(&answerWriter{ResponseWriter: w, ctx: ctx, client: client})
			if req.Body != nil {
				req.Body = &bodyReader{ReadCloser: req.Body, ctx: ctx, client: client}
			}
		case req.Header.Get("Upgrade") == "":
			// A WebSocket takes over the connection and writes to it directly.
			turn := client.Events()
			defer turn.Close()
			w = responsewriter.WrapForHTTP1Or2(&eventWriter{ResponseWriter: w, ctx: ctx, turn: turn})
		}
		next.ServeHTTP(w, req)
	})
}

// factorOf returns how many times the size of its JSON a list takes in memory while it is
// answered. BundleDeployments in JSON are written one by one. Any other form is built as a
// whole, some several times.
func factorOf(req *http.Request) int64 {
	accept := req.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "yaml"):
		return 64 // through JSON and maps: seconds for each ten MiB
	case strings.Contains(accept, "as="): // Table, PartialObjectMetadataList
		return 4
	case req.URL.Query().Has("pretty"), !strings.Contains(accept, "json"):
		return 4
	}
	return 2
}

// bodyReader reads the body of a request, and takes a turn once it is read.
type bodyReader struct {
	io.ReadCloser
	ctx    context.Context
	client *fair.Client
	size   int64
}

// Read implements io.Reader.
func (r *bodyReader) Read(into []byte) (n int, err error) {
	n, err = r.ReadCloser.Read(into)
	if r.size += int64(n); errors.Is(err, io.EOF) {
		if waited := r.client.Object(r.ctx, r.size); waited != nil {
			return n, waited
		}
	}
	return n, err
}

// answerWriter sends an answer, without a turn while the client reads.
type answerWriter struct {
	http.ResponseWriter
	ctx    context.Context
	client *fair.Client
}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer.
func (w *answerWriter) Write(data []byte) (n int, err error) {
	err = w.client.Outside(w.ctx, func() error {
		n, err = w.ResponseWriter.Write(data)
		return err
	})
	return n, err
}

// eventWriter sends the events of a watch. If thousands of watches have something to send
// at once, only a few send at a time. What is written is flushed in the same turn.
type eventWriter struct {
	http.ResponseWriter
	ctx  context.Context
	turn *fair.Turn
}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (w *eventWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements io.Writer. Another event or Flush follows.
func (w *eventWriter) Write(data []byte) (n int, err error) {
	if ended := w.turn.Begin(w.ctx); ended != nil {
		return 0, ended
	}
	n, err = w.ResponseWriter.Write(data)
	if ended := w.turn.Share(w.ctx); ended != nil && err == nil {
		err = ended
	}
	return n, err
}

// Flush implements http.Flusher.
func (w *eventWriter) Flush() {
	// If the context has ended, the next write returns the error.
	_ = w.turn.During(w.ctx, func() { w.ResponseWriter.(http.Flusher).Flush() })
}
