// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server puts the REST storages of fleet.cattle.io/v1alpha1 behind a
// Kubernetes API server: discovery, OpenAPI, content negotiation, server-side
// apply, health and metrics.
//
// # What it holds
//
//	scheme.go     the types that are served, and their codecs
//	config.go     NewConfig: what is the same wherever Muster runs
//	server.go     New: the API server out of a configuration and storages
//	gate.go       the group is closed while reads would not be right
//	priming.go    and while a start does not know its clients yet
//	share.go      users take turns with large lists, large bodies and events
//	admit.go      and hold none while a webhook is asked
//	flow.go       priority and fairness is told what lists cost
//	listener.go   a connection that is not read holds little memory
//	computed.go   writes of computed kinds are answered with what to edit instead
//	patchtype.go  strategic merge patch is refused, as by a CRD (S 1.2)
//	patcherror.go a patch that cannot be read is answered in one line
//	mediatypes.go protobuf is not offered, which our types do not speak
//	openapi.go    OpenAPI v2 and v3, without what we refuse
//	core.go       the few core resources that the all-in-one serves
//	encoding/     BundleDeployments as JSON, without reflection
//	openpaths.go  which paths an operator may open to clients without authorization
//	version.go    which Muster this is, and which Kubernetes it behaves as
//
// # What it promises
//
//   - No server without authentication and authorisation: [New] refuses a
//     configuration that lacks either, and there is no option to do without.
//   - /readyz is ok only while Config.Ready answers nil: a client that has seen
//     it gets right answers (see "Absence is a decision" in the parent package).
//   - Each resource behaves on the wire as a CRD of the same group would, so that
//     clients written for Fleet need no change.
//
// # What it costs
//
// Per request, what k8s.io/apiserver costs: O(1) beside the storage. A start
// builds the OpenAPI models once, some tens of milliseconds.
//
// # Concurrency
//
// What [New] returns is run once; several servers may run in one process.
package server
