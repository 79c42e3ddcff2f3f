// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package app is muster, the all-in-one: an embedded etcd, the engine and the API server in
// one process, for one machine, on one TLS port.
//
// # What it holds
//
//	command.go      the command line
//	options.go      what an operator may choose, and what tests may
//	run.go          the order in which all of it starts and stops
//	config.go       who may do what: certificates of our own authority only
//	listen.go       the port, and the URL under which this machine reaches it
//	controllers.go  the loops that need no core API; compaction
//	datadir/        the data directory, its lock, a disk that cannot be written
//	pki/            the authority, the certificates, the administrator's kubeconfig
//	embedded/       the etcd: real fsync, no network port
//	coreapi/        what kubectl asks of a core API: namespaces, "kubectl auth"
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
// one close of it. The production programs do not link it: they talk to an etcd of
// their own.
//
// # Concurrency
//
// [Run] may be called several times in one process, each with a directory of its
// own; tests do.
package app
