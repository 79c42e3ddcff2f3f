// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Dir is a data directory that this process has locked. Its methods return the paths of
// the files and directories in it.
type Dir struct {
	Path string
	lock *os.File
}

func (d *Dir) Etcd() string       { return filepath.Join(d.Path, "etcd") }
func (d *Dir) EtcdLog() string    { return filepath.Join(d.Path, "etcd.log") }
func (d *Dir) PKI() string        { return filepath.Join(d.Path, "pki") }
func (d *Dir) Kubeconfig() string { return filepath.Join(d.Path, "kubeconfig") }

// Open makes the directory if it is missing and locks it for this process. The kernel
// holds the lock and drops it with the process, so kill -9 leaves nothing to clean up. The
// mode of an existing directory stays, because it may be a user's working directory;
// secrets in it have a mode of their own.
func Open(path string) (*Dir, error) {
	if path == "" {
		return nil, errors.New("--data-dir is empty: name a directory")
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, Unusable(path, err)
	}
	file, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, Unusable(path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by another muster (pid %s)", path, holder(file))
		}
		return nil, fmt.Errorf("cannot lock data directory %s: %w", path, err)
	}
	// Only the message above needs the pid; the lock does not.
	if err := writePID(file); err != nil {
		_ = file.Close()
		return nil, Unusable(path, err)
	}
	return &Dir{Path: path, lock: file}, nil
}

// Close unlocks the directory. The lock file stays: if it were removed, two processes could
// lock two files of one name.
func (d *Dir) Close() error { return d.lock.Close() }

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holder(file *os.File) string {
	content := make([]byte, 32)
	n, _ := file.ReadAt(content, 0)
	if pid := strings.TrimSpace(string(content[:n])); pid != "" {
		return pid
	}
	return "unknown"
}

// Unusable returns an error that says in one line what is wrong with the directory. The
// error of package os would repeat the path and name a system call.
func Unusable(path string, err error) error {
	if at := DiskError(path, err); at != nil {
		return at
	}
	reason := err
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		reason = pathErr.Err
	}
	return fmt.Errorf("data directory %s cannot be used: %w (give one that you may write with --data-dir)", path, reason)
}
