// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package agentaccess registers agents, gives them their rights, and takes these away again
// (S 8.1 to 8.4). What it makes in the core API, and how that is removed, is kept by package
// ownership.
//
//	controller.go    the queue: one key for each Cluster, token and registration
//	follow.go        which keys a change in the fleet concerns
//	clients.go       the Clusters and registrations of each client, and its last registration
//	namespace.go     the namespace of a Cluster's BundleDeployments, which package
//	                 clustercleanup removes
//	token.go         a ClusterRegistrationToken; its objects are in token_objects.go
//	registration.go  a ClusterRegistration; its objects are in registration_objects.go
//	belongs.go       the names that objects of each owner have
//	troubles.go      which errors were logged already
//	settings.go      the choices of an operator
//
// # Promises
//
// The result depends on the current state alone: wherever the process is killed, the next
// run ends with the same objects. A registration is granted only after all that it grants
// exists: rights, then credentials, then the grant. The earlier registrations of its client
// are removed after that, so at each moment one of the two accounts has all of its rights.
//
// Only the last registration of a client is worked on. Earlier ones that were not granted
// wait for its grant, which deletes them, and make no objects. Creation times have a
// resolution of one second: registrations of the same second are all granted. Namespaces
// take turns (package queue), so a flood of registrations in one namespace delays the first
// one in another by one key for each worker.
//
// The API server derives the namespace of a Cluster. This package does not write it, nor
// anything else that follows from facts.
//
// # Costs
//
// A registered Cluster has eight objects in the cache of package ownership. Label edits,
// heartbeats and roll-outs of a Cluster cost two comparisons. A registration costs about a
// dozen writes, once.
//
// # Concurrency
//
// Several workers take keys from one queue, never the same key at once. Two controllers may
// run at a time, as when the leader changes: they make the same objects, and remove only
// what both may remove.
package agentaccess
