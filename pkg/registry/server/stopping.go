// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strconv"
	"sync/atomic"

	"k8s.io/apiserver/pkg/endpoints/responsewriter"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// stopping shortens the time after which a client tries again when this replica stops. The
// API machinery says five seconds (WithRetryAfter), because a kube-apiserver may be the only
// one. Here another replica answers at once, and an informer would wait for nothing.
type stopping struct{ begun atomic.Bool }

// hook notes that the replica stops. It is a PreShutdownHook.
func (s *stopping) hook() error {
	s.begun.Store(true)
	return nil
}

// around adds itself to a chain of handlers: outermost, because the API machinery refuses
// before all other handlers.
func (s *stopping) around(config *genericapiserver.Config) {
	build := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(apiHandler http.Handler, c *genericapiserver.Config) http.Handler {
		return s.before(build(apiHandler, c))
	}
}

func (s *stopping) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if s.begun.Load() {
			w = responsewriter.WrapForHTTP1Or2(&sooner{ResponseWriter: w})
		}
		next.ServeHTTP(w, req)
	})
}

// sooner writes the answer of a replica that stops.
type sooner struct{ http.ResponseWriter }

var _ responsewriter.UserProvidedDecorator = &sooner{}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (s *sooner) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// WriteHeader implements http.ResponseWriter. A refusal that also ends the connection is one
// of this replica, and another one may answer.
func (s *sooner) WriteHeader(status int) {
	if header := s.Header(); status == http.StatusTooManyRequests && header.Get("Retry-After") != "" && header.Get("Connection") == "close" {
		header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	s.ResponseWriter.WriteHeader(status)
}
