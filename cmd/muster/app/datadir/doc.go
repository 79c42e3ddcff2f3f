// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package datadir is the directory that holds all state of the all-in-one. One process at
// a time uses it. What is wrong with it, or with the disk below, is said in one line that
// an operator can act on.
//
//	datadir.go  Open and lock it; what lies where in it
//	file.go     WriteFile: replace a file whole or not at all
//	disk.go     DiskError: a disk that is full, read-only or broken
package datadir
