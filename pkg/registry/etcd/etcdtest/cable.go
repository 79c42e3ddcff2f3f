// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcdtest

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Cable is a connection to a server that a test can cut or stall.
type Cable struct {
	// Address is what to dial.
	Address string

	server string
	mu     struct {
		sync.Mutex
		cut   bool
		conns map[net.Conn]struct{}
		// passing is closed while bytes pass.
		passing chan struct{}
	}
}

// Cable returns a way to the server.
func (s *Server) Cable(t testing.TB) *Cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &Cable{Address: listener.Addr().String(), server: s.address}
	c.mu.conns = map[net.Conn]struct{}{}
	c.mu.passing = make(chan struct{})
	close(c.mu.passing)
	t.Cleanup(func() {
		_ = listener.Close()
		c.Cut()
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go c.carry(conn)
		}
	}()
	return c
}

// Cut breaks all connections, and lets no new one through.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.cut = true
	for conn := range c.mu.conns {
		_ = conn.Close()
	}
	clear(c.mu.conns)
	c.passLocked()
}

// Stall keeps all connections open, and takes new ones, but nothing passes: what
// a partition looks like to those whom it divides. What was sent meanwhile
// arrives when the cable is mended.
func (c *Cable) Stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passLocked()
	c.mu.passing = make(chan struct{})
}

// Mend lets connections, and bytes, through again.
func (c *Cable) Mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.cut = false
	c.passLocked()
}

func (c *Cable) passLocked() {
	select {
	case <-c.mu.passing:
	default:
		close(c.mu.passing)
	}
}

func (c *Cable) passing() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.passing
}

// add keeps a connection; false if the cable is cut.
func (c *Cable) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.cut {
		c.mu.conns[conn] = struct{}{}
	}
	return !c.mu.cut
}

func (c *Cable) carry(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer to.Close()
	if !c.add(from) || !c.add(to) {
		return
	}
	go func() {
		_, _ = io.Copy(through{to, c}, from)
		_ = to.Close()
	}()
	_, _ = io.Copy(through{from, c}, to)
}

// through is one end of a cable, to write to.
type through struct {
	io.Writer
	cable *Cable
}

// Write implements io.Writer.
func (t through) Write(data []byte) (int, error) {
	<-t.cable.passing()
	return t.Writer.Write(data)
}
