// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// preflight runs "muster-apiserver preflight" as the administrator of the control plane. It
// may write nothing but its lines.
func preflight(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	stdout, stderr, err := run(t, cluster.Built(t, cluster.ServerName), append([]string{"preflight", "--kubeconfig", control.Kubeconfig(t, control.Config)}, args...)...)
	for line := range strings.Lines(stdout) {
		require.Regexp(t, "^(ok|warning|not ok): ", line)
	}
	if err == nil {
		require.Empty(t, stderr)
	} else {
		require.Regexp(t, "^[Ee]rror: preflight found .*\n$", stderr)
	}
	return stdout, err
}

// The test is not parallel: it creates the Secrets of the manifests.
func TestPreflightNamesTheSecretsAndTheMembers(t *testing.T) {
	etcd := cluster.StartEtcd(t, 3, cluster.EtcdOptions{Args: []string{"--quota-backend-bytes=8589934592"}})
	kubectl := control.Terminal(t, nil)
	servers := "--etcd-servers=" + strings.Join(etcd.Endpoints(), ",")
	at := etcd.Endpoints()

	said, err := preflight(t)
	require.NoError(t, err, said)
	for _, line := range []string{
		"ok: kube-apiserver has the version v1.37.2\n",
		"ok: the aggregation layer is enabled, and the front proxy has a name\n",
		"warning: missing: Secret muster-system/muster-apiserver-tls ",
		"warning: missing: Secret muster-system/muster-etcd-client ",
		"warning: etcd was not checked; name its members with --etcd-servers\n",
	} {
		require.Contains(t, said, line)
	}

	t.Log("with both Secrets, preflight needs no files")
	dir, ca := cluster.Folder(t, "serving"), cluster.NewCA("serving")
	authority, _ := cluster.KeyPair{Certificate: ca.PEM}.Write(t, dir, "ca")
	certificate, key := ca.Serving("muster-apiserver.muster-system.svc").Write(t, dir, "server")
	t.Cleanup(func() {
		_, _, err := kubectl.Kubectl("delete", "secret", "-n", system, "muster-etcd-client", "muster-apiserver-tls", "--ignore-not-found")
		require.NoError(t, err)
	})
	for name, files := range map[string][]string{"muster-apiserver-tls": {authority, certificate, key}, "muster-etcd-client": {etcd.CAFile, etcd.CertFile, etcd.KeyFile}} {
		_, _, err = kubectl.Kubectl("create", "secret", "generic", "-n", system, name, "--from-file=ca.crt="+files[0], "--from-file=tls.crt="+files[1], "--from-file=tls.key="+files[2])
		require.NoError(t, err)
	}
	said, err = preflight(t, servers)
	require.NoError(t, err, said)
	for _, endpoint := range at {
		require.Contains(t, said, "\nok: etcd at "+endpoint+" answers: version 3.7.")
	}
	require.Equal(t, 1, strings.Count(said, ", leads, "))
	require.Equal(t, 2, strings.Count(said, ", follows, "))
	require.Contains(t, said, "\nok: etcd accepts what Muster writes below /muster, and has 3 named members\n")
	require.NotContains(t, said, "warning:")

	t.Log("two of three members are enough")
	etcd.Member(0).Kill()
	for _, i := range []int{1, 2} {
		require.NoError(t, etcd.WaitReady(t.Context(), i))
	}
	etcd.Leader(t)
	said, err = preflight(t, servers)
	require.NoError(t, err, said)
	require.Contains(t, said, "\nwarning: etcd at "+at[0]+" does not answer: it refuses connections; start it")
	require.Contains(t, said, "\nok: etcd accepts")

	t.Log("one of three is not")
	etcd.Member(1).Kill()
	said, err = preflight(t, servers)
	require.Error(t, err, said)
	for _, i := range []int{0, 1} {
		require.Contains(t, said, "\nnot ok: etcd at "+at[i]+" does not answer: it refuses connections; start it")
	}
	require.Contains(t, said, "etcd at "+at[2]+" answers: version 3.7.")
	require.Contains(t, said, "\nnot ok: 1 of 3 named members of etcd answer, which is no majority")
	require.NotContains(t, said, "ok: etcd accepts")
}
