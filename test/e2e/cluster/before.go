// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/stretchr/testify/require"
)

// ErrNoHistory means that this checkout does not have a commit: it is shallow, or not a
// git checkout.
var ErrNoHistory = errors.New("this checkout does not have the commit")

// BinaryOf returns the path of muster-apiserver as of an earlier commit, which it builds
// the first time. The error is ErrNoHistory if the checkout does not have the commit.
func BinaryOf(t T, commit string) (string, error) {
	t.Helper()
	root := Checkout(t)
	if _, err := output(exec.Command("git", "-C", root, "cat-file", "-e", commit+"^{commit}")); err != nil {
		return "", fmt.Errorf("%w: %s", ErrNoHistory, commit)
	}
	cache := filepath.Join(root, ".cache", "bin")
	require.NoError(t, os.MkdirAll(cache, 0o755))
	path := filepath.Join(cache, ServerName+"-"+commit)
	lock, err := os.Create(path + ".lock")
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	source := Folder(t, "source")
	archive := filepath.Join(source, "source.tar")
	for _, command := range [][]string{
		{"git", "-C", root, "archive", "--output=" + archive, commit},
		{"tar", "-x", "-C", source, "-f", archive},
	} {
		_, err := output(exec.Command(command[0], command[1:]...))
		require.NoError(t, err)
	}
	build := exec.Command(filepath.Join(root, "hack", "progress.sh"), "building "+ServerName+" of "+commit,
		"go", "build", "-buildvcs=false", "-o", path, "./cmd/"+ServerName)
	build.Dir = source
	_, err = output(build)
	require.NoError(t, err)
	return path, nil
}

// Use makes replicas that are added from now on run another program.
func (m *Muster) Use(binary string) { m.binary = binary }
