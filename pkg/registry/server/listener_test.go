// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLittleIsKeptForAClientThatDoesNotRead writes to a client until nothing more is
// accepted.
func TestLittleIsKeptForAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	kept := func(wrap func(net.Listener) net.Listener) (written int) {
		plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer plain.Close()
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", plain.Addr().String())
		require.NoError(t, err)
		defer client.Close()
		require.NoError(t, client.(*net.TCPConn).SetReadBuffer(4<<10))
		served, err := wrap(plain).Accept()
		require.NoError(t, err)
		defer served.Close()
		chunk := make([]byte, 16<<10)
		for {
			require.NoError(t, served.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
			n, err := served.Write(chunk)
			written += n
			if err != nil {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				return written
			}
		}
	}
	free := kept(func(l net.Listener) net.Listener { return l })
	held := kept(func(l net.Listener) net.Listener { return bounded{l} })
	t.Logf("of %d bytes without a bound, %d are kept", free, held)
	require.LessOrEqual(t, held, 4*sendBuffer)
	require.Less(t, held, free)
}
