// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
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

func TestTheServiceLeavesAConnectionToAReplicaThatIsNoLongerReady(t *testing.T) {
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

// echo starts a server that sends back each line.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestACableCanBeCutSwallowAndBeMended(t *testing.T) {
	t.Parallel()
	cable := cluster.NewCable(t, echo(t))
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", cable.Address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
		return conn, bufio.NewReader(conn)
	}
	conn, answers := dial()
	say := func(line string) {
		_, err := fmt.Fprintln(conn, line)
		require.NoError(t, err)
	}
	say("one")
	line, err := answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "one\n", line)

	cable.BlackHole()
	say("two")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = answers.ReadString('\n')
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "the connection stays open and silent")
	cable.Mend()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(within)))
	line, err = answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "two\n", line, "bytes that were sent in the meantime arrive")

	cable.Cut()
	_, err = answers.ReadString('\n')
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	// Either call may fail, depending on when the other side's reset arrives.
	cut, err := net.Dial("tcp", cable.Address)
	if err == nil {
		defer cut.Close()
		require.NoError(t, cut.SetDeadline(time.Now().Add(within)))
		_, _ = fmt.Fprintln(cut, "three")
		_, err = bufio.NewReader(cut).ReadString('\n')
	}
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)

	cable.Mend()
	conn, answers = dial()
	say("four")
	line, err = answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "four\n", line)
}
