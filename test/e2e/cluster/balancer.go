// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/musterfleet/muster/test/flakyproxy"
)

const (
	// probePeriod replaces the period of readiness probes, to keep tests short.
	probePeriod = 250 * time.Millisecond
	// startPeriod replaces it until the first probe succeeds, so that a benchmark sees the
	// time of a start exactly.
	startPeriod = 25 * time.Millisecond
)

// Probe asks a server whether it is ready, like a kubelet: it accepts any certificate, and
// a status from 200 to 399.
type Probe struct {
	URL     string
	Timeout time.Duration
	// Failures is the number of consecutive failures that make a server unready.
	Failures int
}

// Balancer plays a Service.
type Balancer struct {
	// Address is the address to dial.
	Address string

	listener net.Listener
	mu       struct {
		sync.Mutex
		backends []*Backend
		next     int
		conns    map[net.Conn]struct{}
	}
}

// Backend is a server to which a Balancer offers connections while it is ready.
type Backend struct {
	address string
	probe   Probe
	cancel  context.CancelFunc
	done    chan struct{}

	mu struct {
		sync.Mutex
		ready    bool
		failures int
		last     error
	}
}

// NewBalancer starts a Balancer without backends.
func NewBalancer(t T) *Balancer {
	t.Helper()
	b := &Balancer{listener: listen(t)}
	b.Address = b.listener.Addr().String()
	b.mu.conns = map[net.Conn]struct{}{}
	t.Cleanup(b.close)
	go b.serve()
	return b
}

// Port returns the port of Address.
func (b *Balancer) Port() int { return b.listener.Addr().(*net.TCPAddr).Port }

// Add adds a server. It gets no connection before its probe succeeds.
func (b *Balancer) Add(address string, probe Probe) *Backend {
	ctx, cancel := context.WithCancel(context.Background())
	backend := &Backend{address: address, probe: probe, cancel: cancel, done: make(chan struct{})}
	go backend.watch(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.backends = append(b.mu.backends, backend)
	return backend
}

// Remove stops offering connections to a server; its existing connections remain.
func (b *Balancer) Remove(backend *Backend) {
	b.mu.Lock()
	b.mu.backends = slices.DeleteFunc(b.mu.backends, func(each *Backend) bool { return each == backend })
	b.mu.Unlock()
	backend.cancel()
	<-backend.done
}

// Ready returns the number of backends that are ready.
func (b *Balancer) Ready() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, backend := range b.mu.backends {
		if backend.Ready() {
			n++
		}
	}
	return n
}

// Ready reports whether the probe succeeds.
func (b *Backend) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.ready
}

// Last returns the result of the last probe.
func (b *Backend) Last() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.last
}

func (b *Backend) watch(ctx context.Context) {
	defer close(b.done)
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // like a kubelet
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: insecure, DisableKeepAlives: true}, Timeout: b.probe.Timeout}
	period := startPeriod
	for {
		err := ask(ctx, client, b.probe.URL)
		b.note(err)
		if err == nil {
			period = probePeriod
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(period):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-probe/1.37")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 2<<10))
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return nil
}

func (b *Backend) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.last = err
	if err == nil {
		b.mu.ready, b.mu.failures = true, 0
		return
	}
	if b.mu.failures++; b.mu.failures >= b.probe.Failures {
		b.mu.ready = false
	}
}

func (b *Balancer) serve() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return // the balancer is closed
		}
		go b.carry(conn)
	}
}

// pick returns the next backend that is ready, or nil.
func (b *Balancer) pick() *Backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.mu.backends {
		backend := b.mu.backends[b.mu.next%len(b.mu.backends)]
		b.mu.next++
		if backend.Ready() {
			return backend
		}
	}
	return nil
}

func (b *Balancer) carry(from net.Conn) {
	defer b.forget(from)
	backend := b.pick()
	if backend == nil || !b.keep(from) {
		flakyproxy.Reset(from)
		return
	}
	// A backend that is gone but still counts as ready refuses: kube-proxy does not try
	// another one either.
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", backend.address)
	if err != nil {
		flakyproxy.Reset(from)
		return
	}
	defer b.forget(to)
	if !b.keep(to) {
		return
	}
	flakyproxy.Relay(from, to, func() {})
}

// keep records a connection; it returns false if the Balancer is closed.
func (b *Balancer) keep(conn net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.conns == nil {
		return false
	}
	b.mu.conns[conn] = struct{}{}
	return true
}

func (b *Balancer) forget(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.mu.conns, conn)
	_ = conn.Close()
}

func (b *Balancer) close() {
	_ = b.listener.Close()
	b.mu.Lock()
	backends, conns := b.mu.backends, b.mu.conns
	b.mu.backends, b.mu.conns = nil, nil
	b.mu.Unlock()
	for conn := range conns {
		flakyproxy.Reset(conn)
	}
	for _, backend := range backends {
		backend.cancel()
		<-backend.done
	}
}
