// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"path/filepath"

	"github.com/stretchr/testify/require"
)

// Run starts a program that hack/tool.sh knows, in a folder of its own; it stops with t.
func Run(t T, name string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: name, path: Program(t, name), args: args, log: filepath.Join(Folder(t, name), name+".log")}
	t.Cleanup(p.Kill)
	require.NoError(t, p.Start())
	return p
}

// FreeAddress returns an address of 127.0.0.1 without a listener; another process may take it before
// it is used.
func FreeAddress() string { return loopback(freePort()) }

// Prepare returns the program at a path, in a folder of its own, for t to start; it stops
// with t. env is its whole environment.
func Prepare(t T, name, path string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: name, path: path, args: args, env: env, log: filepath.Join(Folder(t, name), name+".log")}
	t.Cleanup(p.Kill)
	return p
}
