// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
)

func TestADataDirectoryIsLockedOnceAndSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b")
	dir, err := openDataDir(path)
	require.NoError(t, err)
	requireSecret(t, path)

	_, err = openDataDir(path)
	require.EqualError(t, err, "data directory "+path+" is in use by another muster (pid "+strconv.Itoa(os.Getpid())+")")

	require.NoError(t, dir.Close())
	again, err := openDataDir(path)
	require.NoError(t, err, "a lock ends with its holder")
	require.NoError(t, again.Close())
}

func TestTheModeOfADirectoryThatExistsIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	require.NoError(t, os.Chmod(path, 0o750))
	dir, err := openDataDir(path)
	require.NoError(t, err)
	require.NoError(t, dir.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o750), info.Mode().Perm())
}

func TestAFileIsReplacedWholeAndLeavesNothingBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(path, []byte("old, and longer"), 0o644))
	require.NoError(t, writeFileAtomic(path, []byte("new")))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestAKubeconfigIsKeptWhileItOpensTheServer(t *testing.T) {
	t.Parallel()
	const endpoint = "https://127.0.0.1:7443"
	certs, err := loadCertificates(t.TempDir(), loopback, today)
	require.NoError(t, err)
	others, err := loadCertificates(t.TempDir(), loopback, today)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		endpoint string
		certs    *certificates
		kept     bool
	}{
		"nothing has changed":                   {endpoint, certs, true},
		"the server is elsewhere":               {"https://127.0.0.1:7444", certs, false},
		"the authority and certificate are new": {endpoint, others, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "kubeconfig")
			require.NoError(t, writeKubeconfig(path, endpoint, certs))
			first, err := clientcmd.LoadFromFile(path)
			require.NoError(t, err)
			require.Equal(t, "muster", first.CurrentContext)
			require.Equal(t, "fleet-default", first.Contexts["muster"].Namespace)
			require.Equal(t, endpoint, first.Clusters["muster"].Server)
			require.False(t, first.Clusters["muster"].InsecureSkipTLSVerify)

			first.Contexts["muster"].Namespace = "mine"
			require.NoError(t, clientcmd.WriteToFile(*first, path))
			require.NoError(t, os.Chmod(path, 0o644))
			require.NoError(t, writeKubeconfig(path, c.endpoint, c.certs))
			second, err := clientcmd.LoadFromFile(path)
			require.NoError(t, err)
			require.Equal(t, c.endpoint, second.Clusters["muster"].Server)
			require.Equal(t, c.certs.authority, second.Clusters["muster"].CertificateAuthorityData)
			require.Equal(t, c.certs.admin, second.AuthInfos["muster-admin"].ClientCertificateData)
			require.Equal(t, c.kept, second.Contexts["muster"].Namespace == "mine")
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		})
	}
}
