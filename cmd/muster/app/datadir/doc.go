// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package datadir is the directory that holds all state of the all-in-one. One process at
// a time uses it. Its errors, and those of the disk below, are one line that an operator
// can act on.
//
//	datadir.go  Open and lock it; what lies where in it
//	file.go     WriteFile: replace a file whole or not at all
//	disk.go     DiskError: a disk that is full, read-only or broken
package datadir
