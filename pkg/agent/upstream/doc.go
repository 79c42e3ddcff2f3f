// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package upstream sends what an agent sends to the server (S 9): its registration, the watch
// of its BundleDeployments, the few other reads, the report and the heartbeat. Real and
// simulated agents use the same code, so measurements with many simulated agents hold for
// real ones.
//
//	client.go      an agent's requests, and the report
//	watch.go       the watch of one namespace
//	patch.go       what a report changes, as a merge patch
//	condition.go   the conditions of a report
//	register.go    registration by token
//	kubeconfig.go  the Secret that keeps what registration yields
//
// # What it promises
//
//   - Requests have the form of Fleet's agent: a streaming list and watch of one namespace,
//     a merge patch without a resourceVersion that contains only what has changed, a JSON
//     patch of one operation as heartbeat.
//   - A Client asks only for what an agent has a right to (S 8.4).
//   - A Watch reconciles for the same events as Fleet's agent, and for no others (S 9.6).
//     That includes its habit to reconcile for every event of an object once it has
//     reported.
//   - Manifest returns only content that has the hash in its name.
//
// # What it costs
//
// A Client is one HTTP client; agents of one process may share it, and with it its
// connections. A Watch keeps each object of its namespace once, and runs some goroutines.
//
// # Concurrency
//
// All functions may be called from any goroutine. Objects that a Watch returns are shared:
// copy them before you write.
package upstream
