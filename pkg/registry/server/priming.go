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

// priming is the time after a start in which nobody can be told who they are. A server
// that reads in a ConfigMap whose certificates to trust listens before it has read it.
// Until then everybody is anonymous, and is told 403, after which informers list again
// (client-go, isWatchErrorRetriable); and a connection that is made in that time stays
// anonymous for as long as it lives, because its client was asked for no certificate. So
// requests for the group are refused as by a gate, before authentication, and all
// connections are closed.
type priming struct {
	// all are the certificates of everyone who may be trusted, those of the aggregator
	// among them; header are the aggregator's alone, nil if there is none.
	all, header dynamiccertificates.CAContentProvider
	// until is when it is over in any case: there need be no certificates of others.
	until time.Time
	over  atomic.Bool
}

// primingLimit bounds priming. The ConfigMap is there within milliseconds, if
// kube-apiserver answers.
const primingLimit = 5 * time.Second

var errPriming = errors.New("the certificates of clients are not read yet")

func primingOf(config *genericapiserver.Config) *priming {
	p := &priming{all: config.SecureServing.ClientCA, until: time.Now().Add(primingLimit)}
	if header := config.Authentication.RequestHeaderConfig; header != nil {
		p.header = header.CAContentProvider
	}
	p.over.Store(p.all == nil)
	return p
}

// ready answers nil from when clients are known on.
func (p *priming) ready() error {
	if p.over.Load() || p.read() || time.Now().After(p.until) {
		p.over.Store(true)
		return nil
	}
	return errPriming
}

// read tells whether there are certificates beside the aggregator's, and those too.
func (p *priming) read() bool {
	all := bytes.TrimSpace(p.all.CurrentCABundleContent())
	if p.header == nil {
		return len(all) > 0
	}
	header := bytes.TrimSpace(p.header.CurrentCABundleContent())
	return len(header) > 0 && len(all) > len(header)
}

// before refuses requests for the group ahead of the whole chain of handlers, and closes
// the connections of all.
func (p *priming) before(chain http.Handler, resolver request.RequestInfoResolver) http.Handler {
	g := gate{ready: p.ready}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := p.ready(); err != nil {
			// Whatever the connection is for now, it may be for the group later.
			w.Header().Set("Connection", "close")
			if info, broken := resolver.NewRequestInfo(req); broken == nil && g.guards(info) {
				g.refuse(w, req, info, err)
				return
			}
		}
		chain.ServeHTTP(w, req)
	})
}
