// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "net"

// sendBuffer bounds the bytes that the system holds for a client that does not read. Linux
// doubles it, to count its own overhead. Without a bound Linux holds up to 4 MiB for each
// connection, and a few thousand unread watches use up its memory for TCP. Then all
// connections of the machine lose segments, including those to etcd.
const sendBuffer = 64 << 10

// bounded is a listener that sets sendBuffer on its connections.
type bounded struct{ net.Listener }

// Accept implements net.Listener.
func (b bounded) Accept() (net.Conn, error) {
	connection, err := b.Listener.Accept()
	if tcp, ok := connection.(*net.TCPConn); ok && err == nil {
		_ = tcp.SetWriteBuffer(sendBuffer) // if the connection is already closed, its next use fails
	}
	return connection, err
}
