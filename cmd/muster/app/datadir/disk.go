// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// diskFaults are what a disk answers to a write that no change of Muster would make work,
// and what each means.
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

// DiskError says that the disk below a directory is at fault, and what to do; nil if it is
// not. This is not etcd's quota: at that, writes are refused and Muster runs on.
func DiskError(dir string, err error) error {
	for _, f := range diskFaults {
		// Some of the text of a library holds only the text of the error.
		if !errors.Is(err, f.fault) && !strings.Contains(err.Error(), f.fault.Error()) {
			continue
		}
		return fmt.Errorf("%s cannot be written to: %s (%w; %s): make room there, or move the data directory to another disk and name it with --data-dir, and start again; what was acknowledged is kept",
			dir, f.reason, f.fault, free(dir))
	}
	return nil
}

// free says how much a user may still write on the disk of a directory.
func free(dir string) string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return "it is unknown how much is free"
	}
	return fmt.Sprintf("%d MiB of %d are free", uint64(stat.Bavail)*uint64(stat.Bsize)>>20, uint64(stat.Blocks)*uint64(stat.Bsize)>>20) //nolint:unconvert // other systems have other types
}
