// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Terminal runs kubectl as a user.
type Terminal struct {
	// Stdin is the input of kubectl, for "-f -".
	Stdin string
	// Limit bounds the time of a kubectl; 0 means a minute.
	Limit time.Duration

	kubeconfig string
	path       string
	home       string // also the working folder
}

// Kubectl runs kubectl until it ends or the time is up.
func (s Terminal) Kubectl(args ...string) (stdout, stderr string, err error) {
	limit := s.Limit
	if limit == 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out, complaints bytes.Buffer
	command := exec.CommandContext(ctx, s.path, args...)
	command.Env, command.Dir = s.environment(), s.home
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(s.Stdin), &out, &complaints
	command.WaitDelay = time.Second
	if err = command.Run(); err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, complaints.String())
		if ctx.Err() != nil {
			err = fmt.Errorf("not within %v: %w", limit, err)
		}
	}
	return out.String(), complaints.String(), err
}

// StartKubectl starts a kubectl that keeps running, such as "get -w"; it stops with t. Its
// Output is what it has printed so far.
func (s Terminal) StartKubectl(t T, args ...string) *Process {
	t.Helper()
	dir := Folder(t, "kubectl")
	p := &Process{
		Name: "kubectl " + strings.Join(args, " "), path: s.path, args: args, env: s.environment(),
		log: filepath.Join(dir, "stderr"), stdout: filepath.Join(dir, "stdout"),
	}
	t.Cleanup(p.Kill)
	require.NoError(t, p.Start())
	return p
}

func (s Terminal) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "KUBECONFIG=" + s.kubeconfig}
}

func writeKubeconfig(path string, c *rest.Config) error {
	server := clientcmdapi.NewCluster()
	server.Server, server.TLSServerName = c.Host, c.ServerName
	server.CertificateAuthorityData, server.CertificateAuthority = c.CAData, c.CAFile
	user := clientcmdapi.NewAuthInfo()
	user.ClientCertificateData, user.ClientKeyData = c.CertData, c.KeyData
	user.Token, user.TokenFile = c.BearerToken, c.BearerTokenFile
	user.Impersonate, user.ImpersonateGroups = c.Impersonate.UserName, c.Impersonate.Groups
	current := clientcmdapi.NewContext()
	current.Cluster, current.AuthInfo = "cluster", "user"
	all := clientcmdapi.NewConfig()
	all.Clusters["cluster"], all.AuthInfos["user"], all.Contexts["context"] = server, user, current
	all.CurrentContext = "context"
	return clientcmd.WriteToFile(*all, path)
}
