// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
)

func TestAKubeconfigIsKeptWhileItOpensTheServer(t *testing.T) {
	t.Parallel()
	const endpoint = "https://127.0.0.1:7443"
	certs, err := Load(t.TempDir(), loopback, today)
	require.NoError(t, err)
	others, err := Load(t.TempDir(), loopback, today)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		endpoint string
		certs    *Certificates
		kept     bool
	}{
		"nothing has changed":                   {endpoint, certs, true},
		"the server is elsewhere":               {"https://127.0.0.1:7444", certs, false},
		"the authority and certificate are new": {endpoint, others, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "kubeconfig")
			require.NoError(t, WriteKubeconfig(path, endpoint, certs))
			first, err := clientcmd.LoadFromFile(path)
			require.NoError(t, err)
			require.Equal(t, "muster", first.CurrentContext)
			require.Equal(t, "fleet-default", first.Contexts["muster"].Namespace)
			require.Equal(t, endpoint, first.Clusters["muster"].Server)
			require.False(t, first.Clusters["muster"].InsecureSkipTLSVerify)

			first.Contexts["muster"].Namespace = "mine"
			require.NoError(t, clientcmd.WriteToFile(*first, path))
			require.NoError(t, os.Chmod(path, 0o644))
			require.NoError(t, WriteKubeconfig(path, c.endpoint, c.certs))
			second, err := clientcmd.LoadFromFile(path)
			require.NoError(t, err)
			require.Equal(t, c.endpoint, second.Clusters["muster"].Server)
			require.Equal(t, c.certs.Authority, second.Clusters["muster"].CertificateAuthorityData)
			require.Equal(t, c.certs.Admin, second.AuthInfos["muster-admin"].ClientCertificateData)
			require.Equal(t, c.kept, second.Contexts["muster"].Namespace == "mine")
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		})
	}
}
