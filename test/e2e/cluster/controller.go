// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// accountFolder is the folder that kubelet mounts into each Pod that uses its account's
// token.
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// StartController starts one muster-controller as its Deployment does, with its arguments,
// volumes and account, and waits until its readiness probe succeeds. It needs the component
// controller. program is its path.
func (m *Muster) StartController(t T, program string) *Process {
	t.Helper()
	p, err := m.control.readPod(t.Context(), ControllerName)
	require.NoError(t, err)
	dir := filepath.Join(m.dir, ControllerName)
	mounts, err := m.control.mount(t.Context(), p, filepath.Join(dir, "volumes"))
	require.NoError(t, err)
	account := filepath.Join(dir, "account")
	write(t, account, "ca.crt", read(t, m.control.CAFile))
	mounts[accountFolder] = account
	environment, err := p.environment(ControllerName + "-0")
	require.NoError(t, err)

	args := p.arguments(mounts, environment)
	kubeconfig := m.control.Kubeconfig(t, m.control.AsAccount(t, Namespace, p.account))
	var servers []string
	for _, address := range m.etcd.Addresses() {
		servers = append(servers, "https://"+address)
	}
	for _, mine := range []string{
		"--etcd-servers=" + strings.Join(servers, ","),
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
	} {
		args = set(args, mine)
	}
	process := Prepare(t, ControllerName, program, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, args...)
	process.serve(t, p.readiness.Path, p.timeout)
	return process
}

// ServeController starts a muster-controller as Controller prepares it, but with its server,
// and waits until its readiness probe succeeds. It also returns the address of the server.
func (c *ControlPlane) ServeController(t T, etcd *Etcd, name string, flags ...string) (process *Process, address string) {
	t.Helper()
	process = c.Controller(t, etcd, name, flags...)
	return process, process.serve(t, controllerReady, controllerTimeout)
}

const (
	controllerReady   = "/readyz"
	controllerTimeout = 5 * time.Second
)

// WaitReadyAt waits until the readiness probe of a muster-controller succeeds, at an address
// that ServeController returned.
func (p *Process) WaitReadyAt(t T, address string) {
	t.Helper()
	client := kubelet(t, controllerTimeout)
	require.NoError(t, p.ready(t.Context(), musterReady, func(ctx context.Context) error { return ask(ctx, client, "https://"+address+controllerReady) }))
}

// kubelet returns a client that does not verify certificates, as kubelet does not: a
// controller makes its own.
func kubelet(t T, timeout time.Duration) *http.Client {
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// serve starts a program on a free port, waits until its probe succeeds, and returns its
// address.
func (p *Process) serve(t T, path string, timeout time.Duration) (address string) {
	t.Helper()
	client := kubelet(t, timeout)
	require.NoError(t, attempts(func() error {
		p.Kill()
		address = loopback(freePort())
		p.listenOn(address)
		if err := p.Start(); err != nil {
			return err
		}
		return p.ready(t.Context(), musterReady, func(ctx context.Context) error { return ask(ctx, client, "https://"+address+path) })
	}))
	return address
}

// listenOn lets the next start of a program of Muster listen on an address.
func (p *Process) listenOn(address string) {
	p.args = set(set(p.args, "--bind-address=127.0.0.1"), "--secure-port="+portOf(address))
}
