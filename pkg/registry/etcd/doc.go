// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcd is the log: it loads all records at one revision, watches them
// from there in order, commits guarded transactions, and asks for the present
// revision by quorum. It knows keys and bytes, not what they mean. It also holds
// what the log needs around it: a client, a check that the store is one that the
// log can rely on, compaction, and encryption at rest.
//
//	log.go        Log: load, keys, the present revision
//	watch.go      Watch
//	commit.go     Commit
//	prepared.go   a transaction as it is sent
//	group.go      CommitTogether
//	guard.go      guards of ranges
//	limits.go     how large a transaction may be
//	errors.go     what a failed commit means
//	content.go    manifests
//	cluster.go    whether etcd is still the same cluster
//	check.go      Check: whether the log can rely on the store
//	client.go     Connect
//	compact.go    compaction
//	encryption.go encryption at rest
//	reencrypt.go  encrypts anew what an older key encrypted
//
// Promises: Watch hands over whole revisions, in order, each once, and never
// skips one; it ends with ErrCompacted when the log no longer reaches back far
// enough. Commit either writes everything or nothing, and its error tells which
// if that is known. Revision is linearizable. A record that cannot be decrypted
// is an error of whatever reads it, and never passed over.
//
// CommitTogether is Commit for many small writes by many writers: those that come
// while others are under way share one transaction with them, each with guards of
// its own, and one is as durable when it is acknowledged as by Commit.
//
// A Log is safe for concurrent use. Its costs are etcd's, and those of whoever
// encrypts.
package etcd
