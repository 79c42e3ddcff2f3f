// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package agent is an agent that deploys: it does for the BundleDeployments of one
// namespace what Fleet's agent does (S 9.7), into one cluster.
//
//	enrol.go       how it gets its credentials
//	run.go         the watch, the queue, the workers, heartbeats
//	reconcile.go   one BundleDeployment, from what is wanted to what is reported
//	values.go      where Helm values come from
//	namespace.go   the namespace that is deployed to, and what is copied into it
//	collect.go     releases that nothing asks for any more
//
// # What it promises
//
// It is level-driven: what it does follows from what the server says now and what is
// in the cluster now. It keeps nothing on disk and may be killed at any instruction.
// It uninstalls only what the server, once its list is complete, does not list.
//
// # What differs from Fleet's
//
// While the server does not answer, it waits instead of registering anew. It looks for
// drift at intervals instead of watching all objects. It does not build
// with kustomize, does not download charts, and does not impersonate accounts: what
// asks for that is reported as an error, not deployed in another way.
package agent
