// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

func listen(ctx context.Context, address net.IP, port int) (net.Listener, error) {
	at := net.JoinHostPort(address.String(), strconv.Itoa(port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another program: stop that program, or give another port with --secure-port", at)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is not an address of this machine: give one of its addresses with --bind-address", address)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("you may not listen on %s: give a port above 1023 with --secure-port", at)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", at, err)
	}
	return listener, nil
}

// endpointOf returns the URL at which this machine reaches the listener.
func endpointOf(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return "https://" + address.String()
	}
	host := tcp.IP
	if host == nil || host.IsUnspecified() {
		// The unspecified address of IPv6 accepts IPv4 too, and not every machine has an
		// IPv6 loopback.
		host = net.IPv4(127, 0, 0, 1)
	}
	return "https://" + net.JoinHostPort(host.String(), strconv.Itoa(tcp.Port))
}
