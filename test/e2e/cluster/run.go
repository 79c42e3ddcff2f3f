// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/stretchr/testify/require"
)

// Prepare returns the program at a path, in a folder of its own, for t to start; it stops
// with t. env is its whole environment; nil means this process's.
func Prepare(t T, name, path string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: name, path: path, args: args, env: env, log: filepath.Join(Folder(t, name), name+".log")}
	t.Cleanup(p.Kill)
	return p
}

// Run starts a program that hack/tool.sh knows, in a folder of its own; it stops with t.
func Run(t T, name string, args ...string) *Process {
	t.Helper()
	p := Prepare(t, name, Program(t, name), nil, args...)
	require.NoError(t, p.Start())
	return p
}

// Controller prepares a muster-controller with the rights of the manifests, and without a
// lease.
func (c *ControlPlane) Controller(t T, etcd *Etcd, name string, flags ...string) *Process {
	t.Helper()
	access := []string{"--kubeconfig=" + c.Kubeconfig(t, c.AsAccount(t, Namespace, ControllerName)), "--leader-elect=false", "--secure-port=0"}
	return Prepare(t, name, Built(t, ControllerName), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir}, slices.Concat(access, etcd.Flags(), flags)...)
}

// FreeAddress returns an address of 127.0.0.1 without a listener; another process may take
// it before it is used.
func FreeAddress() string { return loopback(freePort()) }
