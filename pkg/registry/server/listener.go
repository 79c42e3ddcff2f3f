// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "net"

// sendBuffer is how much of what a client does not read the system keeps for it, in bytes;
// Linux keeps twice as much, with what it needs itself. Left alone, Linux gives a
// connection up to 4 MiB, and some thousands of watches that nobody reads take all
// that it has for TCP: then every connection of the machine loses segments, and waits for
// them again and again, those to etcd too.
const sendBuffer = 64 << 10

// bounded is a listener whose connections keep little that is not read.
type bounded struct{ net.Listener }

// Accept implements net.Listener.
func (b bounded) Accept() (net.Conn, error) {
	connection, err := b.Listener.Accept()
	if tcp, ok := connection.(*net.TCPConn); ok && err == nil {
		_ = tcp.SetWriteBuffer(sendBuffer) // a connection that is closed already says so when it is used
	}
	return connection, err
}
