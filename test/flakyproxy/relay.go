// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package flakyproxy

import (
	"errors"
	"io"
	"net"
	"sync"
)

// Relay carries bytes both ways until both sides are done, or one of them breaks. It
// calls pass before it hands on what it read.
func Relay(a, b net.Conn, pass func()) {
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
				// An end is an end of this direction only; anything else ends both.
				if half, ok := to.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) {
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

// Reset ends a connection so that the other side sees it at once.
func Reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
