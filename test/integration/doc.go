// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration tests the whole server as a client sees it: muster as an operator
// runs it, with its own etcd on disk, over TLS. Where an oracle exists, the tests ask it: a
// list against a brute-force filter of the full list, a fold of a watch against a list at
// the same revision, a server after a restart against the same server before.
//
// Tests share a server, each in namespaces of its own, unless they count
// revisions, stop the server or write past it. Random tests print their seed;
// MUSTER_SEED=N replays it.
package integration
