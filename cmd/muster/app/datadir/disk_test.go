// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiskErrorNamesTheCause(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for title, c := range map[string]struct {
		err  error
		says string
	}{
		"a full disk":                     {&os.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}, "its disk is full (no space left on device; "},
		"one of which only the text says": {fmt.Errorf("file resize error: %v", syscall.ENOSPC), "its disk is full"}, //nolint:errorlint // as libraries do
		"a quota of the disk":             {syscall.EDQUOT, "the disk quota of this user is used up"},
		"a limit of the process":          {fmt.Errorf("cut: %w", syscall.EFBIG), "ulimit -f"},
		"a disk that is read-only":        {syscall.EROFS, "read-only"},
		"a disk that fails":               {syscall.EIO, "fails"},
	} {
		err := DiskError(dir, c.err)
		require.ErrorContains(t, err, c.says, title)
		require.ErrorContains(t, err, dir+" cannot be written to", title)
		require.ErrorContains(t, err, "MiB of", title)
		require.ErrorContains(t, err, "--data-dir", title)
		require.Equal(t, err, Unusable(dir, c.err), title)
	}
	require.NoError(t, DiskError(dir, os.ErrPermission))
}
