// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcd is the log. It loads all records at one revision, watches them from there
// in order, commits guarded transactions, and reads the current revision by quorum. It
// handles keys and bytes, not their meaning. It also holds what the log needs: a client, a
// check that the log can rely on the store, compaction, and encryption at rest.
//
//	log.go        Log: load, keys, the current revision
//	watch.go      Watch
//	commit.go     Commit
//	prepared.go   a transaction ready to be sent
//	group.go      CommitTogether
//	guard.go      guards of ranges
//	limits.go     how large a transaction may be
//	errors.go     what a failed commit means
//	space.go      whether etcd is full
//	content.go    manifests
//	cluster.go    whether etcd is still the same cluster
//	check.go      Check: whether the log can rely on the store
//	client.go     Connect
//	member.go     StatusOf: the status of one member
//	compact.go    compaction
//	encryption.go encryption at rest
//	reencrypt.go  encrypts records of an older key again
//
// Promises: Watch delivers whole revisions, in order, each once, and never skips one. It
// ends with ErrCompacted if the log no longer reaches back far enough. Commit writes
// everything or nothing, and its error says which, if that is known. Revision is
// linearizable. A record that cannot be decrypted fails the call that reads it, and is
// never passed over.
//
// A Log is safe for concurrent use. Its costs are those of etcd and of the encryption.
package etcd
