// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package agent is Muster's agent for tests, which deploys. It does for the BundleDeployments of one
// namespace what Fleet's agent does (S 9.7), into one cluster.
//
//	enrol.go       the agent's credentials
//	run.go         the watch, the queue, the workers, heartbeats
//	reconcile.go   one BundleDeployment, from its spec to its report; corrects drift
//	values.go      Helm values and their sources
//	namespace.go   the target namespace, and the copies in it
//	collect.go     releases that are no longer used
//
// # What it promises
//
// It is level-driven: its actions follow from the current state of the server and of the
// cluster. It keeps nothing on disk and may be killed at any instruction. It uninstalls a
// release only if the server's complete list does not contain it.
//
// # What differs from Fleet's
//
// While the server does not answer, the agent waits instead of registering anew. It looks
// for drift at intervals instead of watching all objects. It does not build with kustomize,
// does not download charts, and does not impersonate accounts. It reports a
// BundleDeployment that needs one of these as an error, and never deploys it in another
// way.
package agent
