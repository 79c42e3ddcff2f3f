// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"

	"github.com/stretchr/testify/require"
)

// ports are the ports that were handed out: a program that was stopped needs its own again.
var ports struct {
	sync.Mutex
	taken map[int]bool
}

// freePort returns a port of 127.0.0.1 without a listener. Another process may take it
// before it is used: see attempts. It is below the range of ports that the system gives to
// outgoing connections, so none of these takes it.
func freePort() int {
	ports.Lock()
	defer ports.Unlock()
	if ports.taken == nil {
		ports.taken = map[int]bool{}
	}
	const first, last = 12_000, 32_000
	for {
		port := first + rand.IntN(last-first)
		if ports.taken[port] {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", loopback(port))
		if err != nil {
			continue
		}
		_ = listener.Close()
		ports.taken[port] = true
		return port
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// attempts calls start, which chooses ports, until no other process has taken them.
func attempts(start func() error) error {
	var err error
	for range 5 {
		if err = start(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return fmt.Errorf("five attempts failed: %w", err)
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
