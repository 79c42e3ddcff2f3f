// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADataDirectoryIsLockedOnceAndSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b")
	dir, err := Open(path)
	require.NoError(t, err)
	for at, want := range map[string]fs.FileMode{path: 0o700, filepath.Join(path, "lock"): 0o600} {
		info, err := os.Stat(at)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), at)
	}

	_, err = Open(path)
	require.EqualError(t, err, "data directory "+path+" is in use by another muster (pid "+strconv.Itoa(os.Getpid())+")")

	require.NoError(t, dir.Close())
	again, err := Open(path)
	require.NoError(t, err, "a lock ends with its holder")
	require.NoError(t, again.Close())
}

func TestTheModeOfADirectoryThatExistsIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	require.NoError(t, os.Chmod(path, 0o750))
	dir, err := Open(path)
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
	require.NoError(t, WriteFile(path, []byte("new")))
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
