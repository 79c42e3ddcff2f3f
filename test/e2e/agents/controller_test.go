// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const apiServerURL = "https://kube.example.com:6443"

// newController prepares a muster-controller with the rights of the manifests; it stops
// with t. It uses no lease.
func newController(t cluster.T, name string, flags ...string) *cluster.Process {
	t.Helper()
	const program = "muster-controller"
	dir := cluster.Folder(t, "controller")
	ca := filepath.Join(dir, "ca.crt")
	require.NoError(t, os.WriteFile(ca, control.CA.PEM, 0o600))
	args := append([]string{
		"--kubeconfig=" + control.Kubeconfig(t, control.AsAccount(t, cluster.Namespace, program)), "--leader-elect=false", "--secure-port=0",
		"--etcd-servers=" + strings.Join(store.Endpoints(), ","), "--etcd-cafile=" + store.CAFile, "--etcd-certfile=" + store.CertFile, "--etcd-keyfile=" + store.KeyFile,
		"--agent-api-server-url=" + apiServerURL, "--agent-api-server-ca-file=" + ca,
	}, flags...)
	return cluster.Prepare(t, name, cluster.Built(t, program), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, args...)
}
