// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package flakyproxy

import (
	"context"
	"net"
	"sync"

	"github.com/stretchr/testify/require"
)

// T is the test that a Proxy belongs to: a *testing.T, or a stand-in for one.
type T interface {
	require.TestingT
	Cleanup(func())
	Helper()
}

// Proxy is a connection to a server that a test can break.
type Proxy struct {
	// Address is the address to dial.
	Address string

	server   string
	listener net.Listener
	mu       struct {
		sync.Mutex
		cut bool
		// stalled is a channel that is closed when bytes pass again; nil while they pass.
		stalled chan struct{}
		conns   map[net.Conn]struct{}
	}
}

// Start starts a proxy to the server at an address. It runs until the test ends.
func Start(t T, server string) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{Address: listener.Addr().String(), server: server, listener: listener}
	p.mu.conns = map[net.Conn]struct{}{}
	t.Cleanup(p.close)
	go p.serve()
	return p
}

// Cut breaks all connections and closes new ones at once, as when a process has ended.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.cut = true
	p.passLocked()
	for conn := range p.mu.conns {
		Reset(conn)
	}
	clear(p.mu.conns)
}

// Stall lets nothing pass. Connections stay open and new ones are accepted, as when a
// network is partitioned.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.stalled == nil {
		p.mu.stalled = make(chan struct{})
	}
}

// Mend ends Cut and Stall. What was sent during Stall arrives, as with TCP.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.cut = false
	p.passLocked()
}

func (p *Proxy) passLocked() {
	if p.mu.stalled != nil {
		close(p.mu.stalled)
		p.mu.stalled = nil
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.Cut()
}

func (p *Proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		go p.carry(conn)
	}
}

func (p *Proxy) carry(from net.Conn) {
	defer p.forget(from)
	if !p.keep(from) {
		return
	}
	p.pass()
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.server)
	if err != nil {
		Reset(from)
		return
	}
	defer p.forget(to)
	if !p.keep(to) {
		return
	}
	Relay(from, to, p.pass)
}

// keep remembers a connection. If the proxy is cut, it breaks the connection instead.
func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.cut {
		Reset(conn)
		return false
	}
	p.mu.conns[conn] = struct{}{}
	return true
}

func (p *Proxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mu.conns, conn)
	_ = conn.Close()
}

// pass blocks until bytes may pass.
func (p *Proxy) pass() {
	for {
		p.mu.Lock()
		stalled := p.mu.stalled
		p.mu.Unlock()
		if stalled == nil {
			return
		}
		<-stalled
	}
}
