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
//	config.go      options to the configuration of a server
//	certificates.go the certificates whose end is watched
//	run.go         the order in which all of it starts and stops
//	reencrypt.go   the rewriting of records with a new key
//	frontproxy/    whether the names of users from the front proxy can be trusted
//	placement/     the right to set the namespace of a Cluster's BundleDeployments
//	preflight/     what would break if Muster were installed in this cluster
//
// # What it promises
//
//   - It does not start without authentication, authorization and a serving
//     certificate. No flag and no missing file changes that.
//   - It believes a header that names a user only from the cluster's front proxy: from a
//     client with a certificate of the front proxy's authority and, if kube-apiserver
//     lists allowed names, one of these. Without such a list it does not start where
//     users can get a certificate of that authority.
//   - It does not start where Fleet's own CustomResourceDefinitions serve the
//     group, and says what to do.
//   - A start that fails prints one line that names the flag.
//
// # What it costs
//
// A start costs one load of etcd. A request costs a SubjectAccessReview unless
// the same question was answered within the last seconds (see
// --authorization-webhook-cache-authorized-ttl).
//
// # Concurrency
//
// [Run] is called once in a process: feature gates and metrics are global.
package app
