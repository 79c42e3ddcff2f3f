// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	folderPrefix = "muster-e2e-"
	ownerFile    = ".owner"
)

var sweepOnce sync.Once

// Folder returns a new folder that is removed with t. t.TempDir would not do, because its
// folder remains if the test binary is killed. The owner of this one holds a lock in it,
// and a later run removes the folders without an owner.
func Folder(t T, name string) string {
	t.Helper()
	sweepOnce.Do(func() { sweep(os.TempDir()) })
	dir, err := os.MkdirTemp("", folderPrefix+name+"-")
	require.NoError(t, err)
	// kustomize and kubectl compare paths, so the path has no symbolic links.
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	owner, err := os.Create(filepath.Join(dir, ownerFile))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(owner.Fd()), syscall.LOCK_EX))
	t.Cleanup(func() {
		defer owner.Close()
		if os.Getenv("KEEP") != "" {
			t.Logf("kept %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("the folder %s could not be removed: %v", dir, err)
		}
	})
	return dir
}

// sweep removes the folders of runs that were killed. It leaves alone a new folder, which
// may be about to be locked.
func sweep(parent string) {
	const young = time.Minute
	folders, _ := filepath.Glob(filepath.Join(parent, folderPrefix+"*", ownerFile))
	for _, path := range folders {
		owner, err := os.Open(path)
		if err != nil {
			continue
		}
		info, err := owner.Stat()
		if err == nil && time.Since(info.ModTime()) > young && syscall.Flock(int(owner.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = owner.Close()
	}
}
