// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server puts the REST storages of fleet.cattle.io/v1alpha1 behind a Kubernetes API
// server: discovery, OpenAPI, content negotiation, server-side apply, health and metrics.
//
// # What it holds
//
//	scheme.go     the types that are served, and their codecs
//	config.go     NewConfig: the configuration that is the same wherever Muster runs
//	server.go     New: the API server from a configuration and storages
//	gate.go       closes the group while reads would be wrong
//	priming.go    closes it while a starting server cannot know its clients
//	stopping.go   lets clients of a replica that stops try another one at once
//	turns.go      users take turns for large lists, large bodies and events
//	admit.go      a request holds no turn while it waits for a webhook
//	flow.go       reports to priority and fairness what lists cost
//	listener.go   an unread connection holds little memory
//	computed.go   answers writes of computed kinds with what to edit instead
//	patchtype.go  refuses strategic merge patch, like a CRD (S 1.2)
//	patcherror.go answers an unreadable patch in one line
//	mediatypes.go does not offer protobuf, which our types lack
//	openapi.go    OpenAPI v2 and v3, without what the server refuses
//	core.go       the few core resources that the all-in-one serves
//	encoding/     BundleDeployments as JSON, without reflection
//	openpaths.go  which paths an operator may open to clients without authorization
//	version.go    the version of Muster, and of the Kubernetes that it emulates
//
// # What it promises
//
//   - A server has authentication and authorization: [New] refuses a configuration that
//     lacks either, and no option turns them off.
//   - /readyz is ok only while Config.Ready returns nil: a client that sees it gets right
//     answers (see "Absence is a decision" in the parent package).
//   - Each resource behaves on the wire like a CRD, so that clients written for Fleet need no
//     change.
//
// # What it costs
//
// A request costs what k8s.io/apiserver costs: O(1) besides the storage. A start builds the
// OpenAPI models once, in some tens of milliseconds.
//
// # Concurrency
//
// The server that [New] returns runs once. Several servers may run in one process.
package server
