// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package flakyproxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/flakyproxy"
)

// within bounds how long an answer takes.
const within = 30 * time.Second

// echo is a server that sends back each line.
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

func TestAProxyCanStallAndBeCutAndMended(t *testing.T) {
	t.Parallel()
	proxy := flakyproxy.Start(t, echo(t))
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", proxy.Address)
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

	proxy.Stall()
	say("two")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = answers.ReadString('\n')
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "the connection stays open and says nothing")
	proxy.Mend()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(within)))
	line, err = answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "two\n", line, "what was sent meanwhile arrives")

	proxy.Cut()
	_, err = answers.ReadString('\n')
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	// Which of them fails is a race with the other side's reset.
	cut, err := net.Dial("tcp", proxy.Address)
	if err == nil {
		defer cut.Close()
		require.NoError(t, cut.SetDeadline(time.Now().Add(within)))
		_, _ = fmt.Fprintln(cut, "three")
		_, err = bufio.NewReader(cut).ReadString('\n')
	}
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)

	proxy.Mend()
	conn, answers = dial()
	say("four")
	line, err = answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "four\n", line)
}
