// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package app is muster-apiserver: Muster behind kube-aggregator, on an external etcd, with
// authentication and authorization delegated to a kube-apiserver. Any number of replicas
// may run; none has state of its own.
//
// # What it holds
//
//	command.go     the command, and the two for its operator: preflight and reencrypt
//	options.go     the flags, and which of them are refused; those of the engine are in
//	               options_engine.go, those that bound reports in options_reports.go
//	config.go      options made into a server
//	run.go         the order in which all of it starts and stops
//	reencrypt.go   what is stored, rewritten with a new key
//	frontproxy/    whose word about users is taken
//	placement/     who may say where a Cluster's BundleDeployments are
//	preflight/     what would break if Muster were installed here
//
// # What it promises
//
//   - It does not start without authentication, authorization and a serving
//     certificate; no flag or missing file can make it.
//   - It does not take users from headers but from the cluster's front proxy: a
//     certificate of the front proxy's authority, with one of its allowed names if
//     kube-apiserver lists some; without a list, not where users could get one.
//   - It does not start where Fleet's own CustomResourceDefinitions serve the
//     group, and says what to do.
//   - What stops it at the start is one clear line that names the flag.
//
// # What it costs
//
// A start costs one load of etcd. A request costs a SubjectAccessReview unless
// one with the same question was answered within the last seconds (see
// --authorization-webhook-cache-authorized-ttl).
//
// # Concurrency
//
// [Run] is called once in a process: feature gates and metrics are global.
package app
