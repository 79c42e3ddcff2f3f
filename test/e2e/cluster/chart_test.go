// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// withHelm installs the chart into a namespace that already has the Secrets.
func withHelm(t cluster.T, m *cluster.Muster) {
	control.MakeNamespace(t, cluster.Namespace)
	t.Cleanup(func() {
		_, _, err := control.Kubectl("delete", "namespace", cluster.Namespace, "--timeout=50s")
		require.NoError(t, err)
	})
	for name, data := range m.Secrets(t) {
		_, err := control.Client.CoreV1().Secrets(cluster.Namespace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	home := cluster.Folder(t, "helm")
	ca := filepath.Join(home, "ca.crt")
	require.NoError(t, os.WriteFile(ca, m.CA.PEM, 0o600))
	kubeconfig := control.Kubeconfig(t, control.Config)
	helm := func(args ...string) {
		command := exec.Command(cluster.Program(t, "helm"), append(args, "--namespace", cluster.Namespace, "--kubeconfig", kubeconfig)...)
		command.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	helm("install", "muster", filepath.Join(cluster.Checkout(t), "artifacts", "helm", "muster"),
		"--set", "replicas=1", "--set", "etcd.servers={https://127.0.0.1:2379}", "--set-file", "tls.caBundle="+ca)
	t.Cleanup(func() { helm("uninstall", "muster") })
}

func TestMusterIsInstalledFromItsChart(t *testing.T) {
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	m := cluster.Install(t, control, etcd, cluster.Options{Deploy: withHelm, Args: []string{"--shutdown-delay-duration=0s"}})
	require.Len(t, m.Replicas(), 1)
	out, _, err := control.Kubectl("get", "--raw", "/apis/fleet.cattle.io/v1alpha1/bundles")
	require.NoError(t, err)
	require.Contains(t, out, `"BundleList"`)
}
