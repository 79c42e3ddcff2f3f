// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// checkDatabase fails if etcd's database is damaged. The library that reads it panics in
// goroutines of its own, so all that a start will read is read here first. That costs less
// than the start itself.
func checkDatabase(path string) (err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// The file is mapped into memory: to read beyond its end is a fault.
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
	return fmt.Errorf("the database %s is damaged (%s): restore a copy of the data directory, or move the data directory away to start with an empty one", path, first)
}
