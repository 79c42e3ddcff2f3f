// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
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

// diskError says that the disk below a directory is at fault, and what to do; nil if it is
// not. This is not etcd's quota: at that, writes are refused and Muster runs on.
func diskError(dir string, err error) error {
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

// checkDatabase fails if etcd's database is not one. The library that reads it panics in
// goroutines of its own at a damaged file, so what it will read at a start is read here
// first. This costs a part of what the start costs.
func checkDatabase(path string) (err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// The file is mapped: beyond its end there is a fault.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if damage := recover(); damage != nil {
			err = damaged(path, fmt.Sprint(damage))
		}
	}()
	db, err := bbolt.Open(path, info.Mode().Perm(), &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return damaged(path, err.Error())
	}
	defer db.Close()
	return db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() {
			return damaged(path, fmt.Sprintf("it has %d bytes of %d", info.Size(), tx.Size()))
		}
		return tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
			cursor := bucket.Cursor()
			for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() { //nolint:revive // each is read
			}
			return nil
		})
	})
}

func damaged(path, how string) error {
	first, _, _ := strings.Cut(how, "\n")
	return fmt.Errorf("the database %s is damaged (%s): put back a copy of the data directory that works, or move the data directory away to begin with an empty one", path, first)
}
