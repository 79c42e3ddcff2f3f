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
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// gate lets requests for the group through only while reads are right. A replica
// that is cut off would otherwise go on to show an old state to whoever asks for
// any state, and set a client back in time that has seen more elsewhere.
//
// It stands innermost, after authorization: who may not ask learns nothing from
// it (priming is about the time before anybody can be authorized). What it closes is
//
//   - every request for a resource of the group, writes too, at any
//     resourceVersion. 503 with Retry-After is what client-go tries again by
//     itself. To a watch it answers 429 instead: after ten of 503 an informer lists
//     all again, while after 429 it waits and goes on where it was
//     (client-go, isWatchErrorRetriable); "Connection: close" (in HTTP/2, a GOAWAY) makes that try go over a
//     new connection, which a Service sends to another replica;
//   - watches that are open: their contexts end, and the client resumes elsewhere;
//   - discovery of the group's version, which is what kube-aggregator probes to
//     call the APIService available.
//
// The lists of groups, /apis and /apis/fleet.cattle.io, stay open. They say the
// same on every replica at any time, and a group that seems to have gone makes
// clients, the namespace and garbage collectors above all, act on its absence.
type gate struct {
	ready   func() error
	unready func() context.Context
}

// retryAfter is in seconds. It is short: another replica is likely to be ready.
const retryAfter = 1

// versionPath is where a version of the group is discovered.
var versionPath = genericapiserver.APIGroupPrefix + "/" + v1alpha1.SchemeGroupVersion.String()

// closeWhile adds a gate to the chain of handlers, within it what users share, and before
// all of it what the start needs.
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
		if unready == nil || !info.IsResourceRequest || info.Verb != "watch" {
			next.ServeHTTP(w, req)
			return
		}
		ctx, cancel := context.WithCancelCause(req.Context())
		defer cancel(nil)
		// No goroutine that waits: there may be ten thousand watches.
		forget := context.AfterFunc(unready, func() { cancel(g.ready()) })
		defer forget()
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

func (g gate) guards(info *request.RequestInfo) bool {
	if info.IsResourceRequest {
		return info.APIGroup == v1alpha1.SchemeGroupVersion.Group
	}
	return info.Path == versionPath || info.Path == versionPath+"/"
}

func (g gate) refuse(w http.ResponseWriter, req *http.Request, info *request.RequestInfo, missing error) {
	w.Header().Set("Connection", "close")
	message := "this replica of Muster cannot answer rightly now: " + missing.Error() +
		"; try again, another replica may. If it stays so, look at /readyz of each replica"
	refusal := apierrors.NewServiceUnavailable(message)
	if info.IsResourceRequest && info.Verb == "watch" {
		refusal = apierrors.NewTooManyRequests(message, retryAfter)
	}
	// The header Retry-After is made of this.
	refusal.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfter}
	responsewriters.ErrorNegotiated(refusal, Codecs, v1alpha1.SchemeGroupVersion, w, req)
}
