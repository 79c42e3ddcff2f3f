// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"net"
	"sync"

	"github.com/stretchr/testify/require"
)

// Cable is a flaky proxy: a connection to a server that a test can break. It carries bytes
// unread, so TLS passes through.
type Cable struct {
	// Address is the address to dial.
	Address string

	server   string
	listener net.Listener
	mu       struct {
		sync.Mutex
		cut   bool
		hole  chan struct{} // closed when bytes pass again; nil while they do
		conns map[net.Conn]struct{}
	}
}

// NewCable starts a cable to the server at an address.
func NewCable(t T, server string) *Cable {
	t.Helper()
	c := &Cable{server: server}
	c.mu.conns = map[net.Conn]struct{}{}
	c.listener = listen(t)
	c.Address = c.listener.Addr().String()
	t.Cleanup(c.close)
	go c.serve()
	return c
}

// Cut breaks all connections, and lets no new one through. Clients see resets, as when a
// process is gone.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.cut = true
	c.passLocked()
	c.breakLocked()
}

// BlackHole swallows everything: connections stay open and new ones are accepted, but
// nothing arrives, as in a network partition.
func (c *Cable) BlackHole() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.hole == nil {
		c.mu.hole = make(chan struct{})
	}
}

// Mend ends Cut and BlackHole. Bytes that were sent into the hole then arrive, as with TCP.
func (c *Cable) Mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.cut = false
	c.passLocked()
}

func (c *Cable) passLocked() {
	if c.mu.hole != nil {
		close(c.mu.hole)
		c.mu.hole = nil
	}
}

func (c *Cable) breakLocked() {
	for conn := range c.mu.conns {
		reset(conn)
	}
	clear(c.mu.conns)
}

func (c *Cable) close() {
	_ = c.listener.Close()
	c.Cut()
}

func (c *Cable) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return // the cable is closed
		}
		go c.carry(conn)
	}
}

func (c *Cable) carry(from net.Conn) {
	defer c.forget(from)
	if !c.keep(from) {
		return
	}
	c.pass()
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.server)
	if err != nil {
		reset(from)
		return
	}
	defer c.forget(to)
	if !c.keep(to) {
		return
	}
	relay(from, to, c.pass)
}

// keep records a connection, or breaks it if the cable is cut.
func (c *Cable) keep(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.cut {
		reset(conn)
		return false
	}
	c.mu.conns[conn] = struct{}{}
	return true
}

func (c *Cable) forget(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.conns, conn)
	_ = conn.Close()
}

// pass returns when bytes may pass.
func (c *Cable) pass() {
	for {
		c.mu.Lock()
		hole := c.mu.hole
		c.mu.Unlock()
		if hole == nil {
			return
		}
		<-hole
	}
}

// relay carries bytes both ways until both sides are done or one of them breaks. It calls
// pass before it forwards what it read.
func relay(a, b net.Conn, pass func()) {
	var both sync.WaitGroup
	carry := func(from, to net.Conn) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			pass()
			if n > 0 {
				if _, failed := to.Write(buffer[:n]); failed != nil {
					_ = from.Close()
					return
				}
			}
			if err != nil {
				// EOF ends only this direction; an error ends both.
				if half, ok := to.(interface{ CloseWrite() error }); ok && isEOF(err) {
					_ = half.CloseWrite()
				} else {
					_ = to.Close()
				}
				return
			}
		}
	}
	both.Go(func() { carry(a, b) })
	both.Go(func() { carry(b, a) })
	both.Wait()
}

// reset ends a connection with a reset, which the other side sees at once.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func listen(t T) net.Listener {
	t.Helper()
	var listener net.Listener
	require.NoError(t, attempts(func() (err error) {
		if listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", loopback(freePort())); err != nil {
			return errPortTaken
		}
		return nil
	}))
	return listener
}
