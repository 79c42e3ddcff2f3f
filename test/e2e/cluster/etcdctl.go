// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// Ctl runs etcdctl on the cluster, with all rights, and returns its output.
func (e *Etcd) Ctl(args ...string) (string, error) {
	return e.ctlAt(e.Endpoints(), args...)
}

// CtlAt runs etcdctl on one member.
func (e *Etcd) CtlAt(i int, args ...string) (string, error) {
	return e.ctlAt(e.Endpoints()[i:i+1], args...)
}

func (e *Etcd) ctlAt(endpoints []string, args ...string) (string, error) {
	return brief(e.ctl, append([]string{
		"--endpoints", strings.Join(endpoints, ","), "--cacert", e.CAFile, "--cert", e.CertFile, "--key", e.KeyFile,
	}, args...)...)
}

// Util runs etcdutl, which works on files of members that do not run.
func (e *Etcd) Util(args ...string) (string, error) { return brief(e.util, args...) }

// DataDir returns a member's folder, for etcdutl.
func (e *Etcd) DataDir(i int) string { return e.members[i].dir }

// Snapshot saves a snapshot, as "etcdctl snapshot save" does, for
// EtcdOptions.Snapshot.
func (e *Etcd) Snapshot(t T, path string) {
	t.Helper()
	_, err := e.CtlAt(e.Leader(t), "snapshot", "save", path)
	require.NoError(t, err)
}

// brief runs a program that should take seconds.
func brief(path string, args ...string) (string, error) {
	const limit = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, path, args...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")} // without the ETCDCTL_* variables of a developer
	out, err := command.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", path, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
