// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire sends what an agent sends to the server (S 9): its registration, the watch
// of its BundleDeployments, the few other reads, the report and the heartbeat. An agent
// that deploys and one that only plays use the same code, so that what is measured
// with many of the second kind holds for the first.
//
//	upstream.go    an agent's requests, and the report
//	watch.go       the watch of one namespace
//	patch.go       what a report changes, as a merge patch
//	condition.go   the conditions of a report
//	register.go    registration by token
//	kubeconfig.go  the Secret that keeps what registration yields
//
// # What it promises
//
//   - Requests have the form of Fleet's agent: a streaming list and watch of one
//     namespace, a merge patch without a resourceVersion that says only what has
//     changed, a JSON patch of one operation as heartbeat.
//   - An Upstream asks for nothing that an agent has no right to (S 8.4).
//   - What leads to a reconcile leads to one here, and nothing else (S 9.6); also
//     the habit that, once an agent has reported, every event of the object does.
//   - Manifest returns only what has the hash that it is named by.
//
// # What it costs
//
// An Upstream is one HTTP client; agents of one process may share it, and then its
// connections. A Watch keeps each object of its namespace once, and some goroutines.
//
// # Concurrency
//
// All may be called from any goroutine. Objects that a Watch hands out are shared:
// copy before you write.
package wire
