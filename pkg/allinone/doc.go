// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package allinone runs the whole of Muster in one process, for one machine: an
// embedded etcd, the engine and the API server, on one TLS port.
//
// # What it holds
//
//	datadir.go    the data directory and its lock: one muster per directory
//	pki.go        the certificate authority, the server's and the administrator's
//	              certificate
//	kubeconfig.go the administrator's way in
//	namespaces.go the namespaces that there are, to read
//	reviews.go    answers to "kubectl auth"
//	access.go     who may do what: certificates of our own authority only
//	disk.go       a disk that cannot be written, a database that is damaged
//	fate.go       what etcd says when it cannot go on, in one sentence
//	etcd.go       the embedded etcd: real fsync, no network port
//	wire.go       the seam to the engine: etcd in, REST storages out; compaction
//	run.go        the order in which all of it starts and stops
//
// # What it promises
//
//   - Nothing is served without a client certificate of the directory's own
//     authority; there is no flag that changes that.
//   - What was acknowledged is there after kill -9: every commit is an fsync.
//   - A second start on the same directory, a taken port and a directory that
//     cannot be written are one clear line each (see [Run]), before anything on
//     disk has changed.
//   - The directory holds all state. Move it, and you have moved Muster.
//
// # What it costs
//
// A start costs one load of etcd's database; a stop at most [drainTimeout] plus
// one close of it. The package is not linked into the production binaries, which
// talk to an etcd of their own.
//
// # Concurrency
//
// [Run] may be called several times in one process, each with a directory of its
// own; tests do.
package allinone
