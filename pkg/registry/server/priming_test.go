// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// trust is the certificates of a ConfigMap.
type trust struct{ content string }

func (t *trust) Name() string                                      { return "trust" }
func (t *trust) CurrentCABundleContent() []byte                    { return []byte(t.content) }
func (t *trust) VerifyOptions() (x509.VerifyOptions, bool)         { return x509.VerifyOptions{}, false }
func (t *trust) AddListener(listener dynamiccertificates.Listener) {}

func trusting(all, header dynamiccertificates.CAContentProvider) *genericapiserver.Config {
	config := NewConfig()
	config.SecureServing = &genericapiserver.SecureServingInfo{ClientCA: all}
	if header != nil {
		config.Authentication.RequestHeaderConfig = &authenticatorfactory.RequestHeaderConfig{CAContentProvider: header}
	}
	return config
}

func TestClientsAreRefusedUntilTheyCanBeAuthenticated(t *testing.T) {
	t.Parallel()
	const path = "/apis/fleet.cattle.io/v1alpha1/clusters"
	all, header := &trust{}, &trust{}
	config := trusting(all, header)
	p := primingOf(config)
	config.RequestInfoResolver = genericapiserver.NewRequestInfoResolver(config)
	handler := p.before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }), config.RequestInfoResolver)
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w
	}
	for what, read := range map[string][2]string{
		"nothing is read":                   {"", ""},
		"one of two providers has not read": {"aggregator\n", "aggregator\n"},
		"the other one has not":             {"users\n", ""},
	} {
		all.content, header.content = read[0], read[1]
		require.Equal(t, http.StatusServiceUnavailable, ask(path).Code, what)
		refused := ask(path + "?watch=true")
		require.Equal(t, http.StatusTooManyRequests, refused.Code, "%s: after 403 an informer lists again", what)
		require.Equal(t, "close", refused.Header().Get("Connection"), "%s: the next connection is asked for a certificate", what)
		require.NotEmpty(t, refused.Header().Get("Retry-After"), what)
		require.Contains(t, refused.Body.String(), errPriming.Error(), what)
		require.Equal(t, http.StatusForbidden, ask("/healthz").Code, "%s: what is not of the group is not held", what)
		require.Error(t, p.ready(), what)
	}
	all.content, header.content = "users\n\naggregator\n", "aggregator\n"
	require.Equal(t, http.StatusForbidden, ask(path+"?watch=true").Code, "all certificates have been read: authentication decides")
	all.content = ""
	require.NoError(t, p.ready(), "certificates remain once they have been read")
}

// TestAConnectionWithoutACertificateRequestIsNotUsedLater makes a request outside the
// group before the certificates have been read, and a request for the group afterwards, as
// discovery does.
func TestAConnectionWithoutACertificateRequestIsNotUsedLater(t *testing.T) {
	t.Parallel()
	config := trusting(&trust{"aggregator"}, &trust{"aggregator"})
	p := primingOf(config)
	certain := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if len(req.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	server := httptest.NewUnstartedServer(p.before(certain, genericapiserver.NewRequestInfoResolver(config)))
	asking := &tls.Config{ClientAuth: tls.RequestClientCert}
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if p.over.Load() {
			return asking, nil
		}
		return nil, nil //nolint:nilnil // the server's own configuration
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	asking.Certificates = server.TLS.Certificates
	client := server.Client()
	client.Transport.(*http.Transport).TLSClientConfig.Certificates = server.TLS.Certificates
	ask := func(path string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		answer, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusForbidden, ask("/apis"))
	p.over.Store(true)
	require.Equal(t, http.StatusOK, ask("/apis/fleet.cattle.io/v1alpha1/clusters"))
}

func TestPrimingEnds(t *testing.T) {
	t.Parallel()
	require.NoError(t, primingOf(trusting(nil, nil)).ready(), "no client has a certificate")
	require.NoError(t, primingOf(trusting(&trust{"users"}, nil)).ready(), "without an aggregator")
	alone := &trust{"aggregator"}
	p := primingOf(trusting(alone, alone))
	require.ErrorIs(t, p.ready(), errPriming)
	p.until = time.Now()
	require.NoError(t, p.ready(), "a cluster may have no certificates for users")
}
