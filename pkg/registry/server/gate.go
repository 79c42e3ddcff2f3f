// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// gate lets requests for the group through only while reads are right. Otherwise a replica
// that is cut off would continue to show an old state to clients that accept any state. A
// client that has seen a newer state on another replica would go back in time.
//
// It is innermost, after authorization, so that a client without rights learns nothing from
// it. (priming covers the time before any client can be authorized.) It closes
//
//   - every request for a resource of the group, including writes, at any resourceVersion.
//     client-go retries on 503 with Retry-After. A watch gets 429 instead: after ten times
//     503 an informer lists everything again, but after 429 it waits and continues where it
//     was (client-go, isWatchErrorRetriable). "Connection: close" (in HTTP/2, a GOAWAY)
//     makes the client use a new connection, which a Service sends to another replica;
//   - open watches: their contexts end, and the client resumes elsewhere;
//   - requests that wait for etcd: the storage refuses them, and the gate adds the
//     "Connection: close" (see leaving);
//   - discovery of the group's version, which kube-aggregator probes to decide whether the
//     APIService is available.
//
// The lists of groups, /apis and /apis/fleet.cattle.io, stay open. They are the same on
// every replica at any time. If a group seems to be gone, clients act on its absence, above
// all the namespace controller and the garbage collector.
type gate struct {
	ready   func() error
	unready func() context.Context
	// refused is called with the verb and the resource of each request that the gate
	// refuses; it may be nil.
	refused func(verb, resource string)
}

// retryAfter is in seconds. It is short, because another replica is likely to be ready.
const retryAfter = 1

// versionPath is the discovery path of the group's version.
var versionPath = genericapiserver.APIGroupPrefix + "/" + v1alpha1.SchemeGroupVersion.String()

// closeWhile adds to the chain of handlers: innermost the sharing between users, around it
// the gate, and before everything the priming.
func closeWhile(config *genericapiserver.Config, g gate, s sharing, p *priming) {
	build := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(apiHandler http.Handler, c *genericapiserver.Config) http.Handler {
		return p.before(build(g.before(s.before(apiHandler)), c), c.RequestInfoResolver)
	}
}

func (g gate) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		info, ok := request.RequestInfoFrom(req.Context())
		if !ok || !g.guards(info) {
			next.ServeHTTP(w, req)
			return
		}
		var unready context.Context
		if g.unready != nil {
			unready = g.unready()
		}
		if err := g.ready(); err != nil {
			g.refuse(w, req, info, err)
			return
		}
		w = responsewriter.WrapForHTTP1Or2(&leaving{ResponseWriter: w, ready: g.ready})
		if unready == nil || !info.IsResourceRequest || info.Verb != "watch" {
			next.ServeHTTP(w, req)
			return
		}
		ctx, cancel := context.WithCancelCause(req.Context())
		defer cancel(nil)
		// AfterFunc needs no waiting goroutine: ten thousand watches may be open.
		forget := context.AfterFunc(unready, func() { cancel(g.ready()) })
		defer forget()
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

// leaving makes the client of a refused request leave the connection if the replica has
// become unready during the request: the next try is to go to another replica.
type leaving struct {
	http.ResponseWriter
	ready func() error
}

var _ responsewriter.UserProvidedDecorator = &leaving{}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (l *leaving) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (l *leaving) WriteHeader(status int) {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if l.ready() != nil {
			l.Header().Set("Connection", "close")
		}
	}
	l.ResponseWriter.WriteHeader(status)
}

func (g gate) guards(info *request.RequestInfo) bool {
	if info.IsResourceRequest {
		return info.APIGroup == v1alpha1.SchemeGroupVersion.Group
	}
	return info.Path == versionPath || info.Path == versionPath+"/"
}

func (g gate) refuse(w http.ResponseWriter, req *http.Request, info *request.RequestInfo, missing error) {
	if g.refused != nil && info.IsResourceRequest {
		g.refused(info.Verb, info.Resource)
	}
	w.Header().Set("Connection", "close")
	message := "this replica of Muster cannot give right answers now: " + missing.Error() +
		"; try again, another replica may answer. If the error persists, check /readyz of each replica"
	refusal := apierrors.NewServiceUnavailable(message)
	if info.IsResourceRequest && info.Verb == "watch" {
		refusal = apierrors.NewTooManyRequests(message, retryAfter)
	}
	// The header Retry-After is set from this.
	refusal.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfter}
	responsewriters.ErrorNegotiated(refusal, Codecs, v1alpha1.SchemeGroupVersion, w, req)
}
