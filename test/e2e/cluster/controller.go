// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

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
		"--etcd-servers=" + strings.Join(servers, ","), "--bind-address=127.0.0.1",
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
	} {
		args = set(args, mine)
	}
	process := Prepare(t, ControllerName, program, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, args...)
	// kubelet does not verify the certificate, which the controller makes for itself.
	client := &http.Client{Timeout: p.timeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	t.Cleanup(client.CloseIdleConnections)
	require.NoError(t, attempts(func() error {
		process.Kill()
		port := freePort()
		process.args = set(process.args, fmt.Sprintf("--secure-port=%d", port))
		if err := process.Start(); err != nil {
			return err
		}
		return process.ready(t.Context(), musterReady, func(ctx context.Context) error {
			return probe(ctx, client, "https://"+loopback(port)+p.readiness.Path)
		})
	}))
	return process
}

// probe returns an error unless a server answers 200.
func probe(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("its probe says %s: %s", response.Status, body)
	}
	return err
}
