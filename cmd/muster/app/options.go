// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"io"
	"net"

	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/registry"
)

// DefaultBindAddress is reachable from this machine only.
const DefaultBindAddress = "127.0.0.1"

// Options are the choices of an operator. Start from NewOptions.
type Options struct {
	// DataDir holds all state. It is made if it is missing.
	DataDir string
	// BindAddress is the IP address to listen on.
	BindAddress string
	// SecurePort is the port to listen on; 0 takes a free one.
	SecurePort int
	// Out gets the line that says that Muster is ready.
	Out io.Writer

	// AdjustEtcd, AdjustRegistry and WithoutControllers are for tests alone. The first two
	// change how the embedded etcd and the registry are set up; nil changes nothing.
	AdjustEtcd         func(*embed.Config)
	AdjustRegistry     func(*registry.Config)
	WithoutControllers bool
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	return &Options{DataDir: ".muster", BindAddress: DefaultBindAddress, SecurePort: 7443}
}

// address returns the address to listen on, or an error that says what is wrong with it or
// the port.
func (o *Options) address() (net.IP, error) {
	if o.SecurePort < 0 || o.SecurePort > 65535 {
		return nil, fmt.Errorf("--secure-port %d is not a port: give one between 1 and 65535, or 0 for a free one", o.SecurePort)
	}
	address := net.ParseIP(o.BindAddress)
	if address == nil {
		return nil, fmt.Errorf("--bind-address %q is not an IP address: give one such as %s", o.BindAddress, DefaultBindAddress)
	}
	return address, nil
}
