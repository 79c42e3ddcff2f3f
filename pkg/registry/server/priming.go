// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// priming is the time after a start in which the server cannot authenticate clients. If a
// ConfigMap says which certificates to trust, the server listens before it has read it.
// Until then every client is anonymous and gets 403, after which informers list again
// (client-go, isWatchErrorRetriable). A connection that is made in that time stays
// anonymous for its whole life, because the server did not ask its client for a
// certificate. So requests for the group are refused as by a gate, before authentication,
// and all connections are closed.
type priming struct {
	// all are the certificates for all clients, including the aggregator's. header are the
	// aggregator's alone, nil if it has none.
	all, header dynamiccertificates.CAContentProvider
	// until is when priming ends in any case: all may have no certificates besides the
	// aggregator's.
	until time.Time
	over  atomic.Bool
}

// primingLimit bounds priming. The ConfigMap arrives within milliseconds if kube-apiserver
// answers.
const primingLimit = 5 * time.Second

var errPriming = errors.New("the certificates of clients have not been read yet")

func primingOf(config *genericapiserver.Config) *priming {
	p := &priming{all: config.SecureServing.ClientCA, until: time.Now().Add(primingLimit)}
	if header := config.Authentication.RequestHeaderConfig; header != nil {
		p.header = header.CAContentProvider
	}
	p.over.Store(p.all == nil)
	return p
}

// ready returns nil once clients can be authenticated.
func (p *priming) ready() error {
	if p.over.Load() || p.read() || time.Now().After(p.until) {
		p.over.Store(true)
		return nil
	}
	return errPriming
}

// read reports whether the certificates have been read: the aggregator's, and others
// besides.
func (p *priming) read() bool {
	all := bytes.TrimSpace(p.all.CurrentCABundleContent())
	if p.header == nil {
		return len(all) > 0
	}
	header := bytes.TrimSpace(p.header.CurrentCABundleContent())
	return len(header) > 0 && len(all) > len(header)
}

// before refuses requests for the group ahead of the whole chain of handlers, and closes
// all connections.
func (p *priming) before(chain http.Handler, resolver request.RequestInfoResolver) http.Handler {
	g := gate{ready: p.ready}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := p.ready(); err != nil {
			// Whatever the connection is used for now, it may later carry requests for the
			// group.
			w.Header().Set("Connection", "close")
			if info, broken := resolver.NewRequestInfo(req); broken == nil && g.guards(info) {
				g.refuse(w, req, info, err)
				return
			}
		}
		chain.ServeHTTP(w, req)
	})
}
