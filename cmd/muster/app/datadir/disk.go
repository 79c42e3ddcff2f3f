// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// diskFaults are the errors of a write that are the disk's fault, and what each means.
var diskFaults = []struct {
	fault  syscall.Errno
	reason string
}{
	{syscall.ENOSPC, "its disk is full"},
	{syscall.EDQUOT, "the disk quota of this user is used up"},
	{syscall.EFBIG, "a file would become larger than this process may write (ulimit -f)"},
	{syscall.EROFS, "its disk is read-only"},
	{syscall.EIO, "its disk fails"},
}

// DiskError returns an error that says what to do if err is the fault of the disk below
// dir, and else nil. etcd's quota is another matter: beyond that it refuses writes, and
// Muster continues to run.
func DiskError(dir string, err error) error {
	for _, f := range diskFaults {
		// Some libraries pass on only the text of the error.
		if !errors.Is(err, f.fault) && !strings.Contains(err.Error(), f.fault.Error()) {
			continue
		}
		return fmt.Errorf("%s cannot be written to: %s (%w; %s): make room there, or move the data directory to another disk and name it with --data-dir, and start again; what was acknowledged is kept",
			dir, f.reason, f.fault, free(dir))
	}
	return nil
}

// free describes how much space a user has left on the disk of a directory.
func free(dir string) string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return "it is unknown how much is free"
	}
	return fmt.Sprintf("%d MiB of %d are free", uint64(stat.Bavail)*uint64(stat.Bsize)>>20, uint64(stat.Blocks)*uint64(stat.Bsize)>>20) //nolint:unconvert // other systems have other types
}
