// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
)

// shellLimit bounds the commands of one block.
const shellLimit = 3 * time.Minute

// Shell runs commands of pages with bash, as an operator does, in a folder of its own. It is
// for one test.
type Shell struct {
	// Dir is the working folder.
	Dir string

	environment []string
}

// NewShell returns a shell with some programs: those of Muster by name, and those that
// hack/tool.sh knows.
func NewShell(t T, programs ...string) *Shell {
	t.Helper()
	dir, bin := Folder(t, "operator"), Folder(t, "programs")
	for _, name := range programs {
		path := ""
		if name == ServerName || name == ControllerName {
			path = Built(t, name)
		} else {
			path = Program(t, name)
		}
		require.NoError(t, os.Symlink(path, filepath.Join(bin, name)))
	}
	return &Shell{Dir: dir, environment: []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir}}
}

// Administrator lets kubectl and Helm reach a control plane with all rights.
func (s *Shell) Administrator(t T, c *ControlPlane) {
	t.Helper()
	s.Set("KUBECONFIG", c.Kubeconfig(t, c.Config))
}

// Etcd sets the variables that the pages ask for: MEMBER, and etcdctl's for its certificates.
func (s *Shell) Etcd(etcd *Etcd, member int) {
	s.Set("MEMBER", etcd.Endpoints()[member])
	s.Set("ETCDCTL_CACERT", etcd.CAFile)
	s.Set("ETCDCTL_CERT", etcd.CertFile)
	s.Set("ETCDCTL_KEY", etcd.KeyFile)
}

// Set sets a variable.
func (s *Shell) Set(name, value string) { s.environment = append(s.environment, name+"="+value) }

// Write writes a file into the working folder.
func (s *Shell) Write(t T, name string, content []byte) {
	t.Helper()
	write(t, s.Dir, name, content)
}

// Try runs a script with further variables, and returns both outputs.
func (s *Shell) Try(t T, script string, variables ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), shellLimit)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	command.Dir, command.Env, command.WaitDelay = s.Dir, slices.Concat(s.environment, variables), time.Second
	out, err := command.CombinedOutput()
	return string(out), err
}

// Run is Try for a script that must succeed.
func (s *Shell) Run(t T, script string, variables ...string) string {
	t.Helper()
	out, err := s.Try(t, script, variables...)
	require.NoError(t, err, "%s\n%s", script, out)
	return out
}

// Step runs a step of a page of docs, which must succeed.
func (s *Shell) Step(t T, page, name string, variables ...string) string {
	t.Helper()
	return s.Run(t, Step(t, page, name), variables...)
}
