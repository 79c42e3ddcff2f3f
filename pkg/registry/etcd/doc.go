// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcd is the log: it loads all records at one revision, watches them
// from there in order, commits guarded transactions, and asks for the present
// revision by quorum. It knows keys and bytes, not what they mean.
//
// Promises: Watch hands over whole revisions, in order, each once, and never
// skips one; it ends with ErrCompacted when the log no longer reaches back far
// enough. Commit either writes everything or nothing. Revision is linearizable.
//
// A Log is safe for concurrent use. Its costs are etcd's.
package etcd
