// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// backend answers with its name, and whether it is ready.
type backend struct {
	*httptest.Server
	ready atomic.Bool
}

func newBackend(t *testing.T, name string) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" && !b.ready.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprint(w, name)
	}))
	b.ready.Store(true)
	t.Cleanup(b.Close)
	return b
}

func (b *backend) addTo(balancer *cluster.Balancer) *cluster.Backend {
	return balancer.Add(b.Listener.Addr().String(), cluster.Probe{URL: b.URL + "/readyz", Timeout: time.Second, Failures: 2})
}

// ask sends a request on a connection of its own.
func ask(ctx context.Context, server *backend, address string) (string, error) {
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address, nil)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

func TestTheServiceOffersConnectionsToReplicasThatAreReady(t *testing.T) {
	t.Parallel()
	one, two := newBackend(t, "one"), newBackend(t, "two")
	b := cluster.NewBalancer(t)
	_, err := ask(t.Context(), one, b.Address)
	require.Error(t, err, "no backend exists")

	first, _ := one.addTo(b), two.addTo(b)
	require.Eventually(t, func() bool { return b.Ready() == 2 }, within, 10*time.Millisecond)
	seen := map[string]int{}
	for range 10 {
		name, err := ask(t.Context(), one, b.Address)
		require.NoError(t, err)
		seen[name]++
	}
	require.Equal(t, map[string]int{"one": 5, "two": 5}, seen, "they take turns")

	one.ready.Store(false)
	require.Eventually(t, func() bool { return !first.Ready() }, within, 10*time.Millisecond)
	for range 10 {
		name, err := ask(t.Context(), one, b.Address)
		require.NoError(t, err)
		require.Equal(t, "two", name)
	}
	one.ready.Store(true)
	require.Eventually(t, first.Ready, within, 10*time.Millisecond)
	b.Remove(first)
	for range 4 {
		name, err := ask(t.Context(), one, b.Address)
		require.NoError(t, err)
		require.Equal(t, "two", name)
	}
}

func TestTheServiceKeepsConnectionsToUnreadyReplicas(t *testing.T) {
	t.Parallel()
	one := newBackend(t, "one")
	b := cluster.NewBalancer(t)
	first := one.addTo(b)
	require.Eventually(t, first.Ready, within, 10*time.Millisecond)
	transport := one.Client().Transport.(*http.Transport).Clone()
	dials := 0
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	use := func() {
		response, err := client.Get("https://" + b.Address)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	use()
	one.ready.Store(false)
	require.Eventually(t, func() bool { return !first.Ready() }, within, 10*time.Millisecond)
	use()
	b.Remove(first)
	use()
	require.Equal(t, 1, dials)
}
