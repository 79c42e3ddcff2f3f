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
//	config.go       authentication and authorization: our own authority's certificates only
//	listen.go       the port, and the URL under which this machine reaches it
//	controllers.go  runs those controllers of loops.Add that need no accounts and roles
//	datadir/        the data directory, its lock, a disk that cannot be written
//	pki/            the authority, the certificates, the administrator's kubeconfig
//	embedded/       the etcd: real fsync, no network port
//	coreapi/        the core API: Secrets, ConfigMaps, namespaces, "kubectl auth"
//
// # What it promises
//
//   - Nothing is served without a client certificate of the directory's own
//     authority. No flag changes that.
//   - What was acknowledged survives kill -9: every commit is an fsync.
//   - A second start on the same directory, a port that is taken and a directory that
//     cannot be written fail with one line each, before anything on disk has changed
//     (see [Run]).
//   - The directory holds all state. To move Muster is to move it.
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
