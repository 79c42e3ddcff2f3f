// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package agentaccess gives agents what they may do, and takes it away (S 8.1 to
// 8.4).
//
// # What it holds
//
//	controller.go    the queue: one key for each Cluster, token and registration
//	follow.go        what changed in the fleet, from the views of the engine
//	known.go         what there is in the core API, as metadata
//	clients.go       the objects of each client, and the last of them
//	namespace.go     the namespace of a Cluster's BundleDeployments
//	token.go         a ClusterRegistrationToken, and token_objects.go what it makes
//	registration.go  a ClusterRegistration, and registration_objects.go what it makes
//	ensure.go        an object is there and says what it should
//	withdraw.go      what belongs to nobody any more goes,
//	evidence.go      if there is evidence that its owner went,
//	belongs.go       and if it is called as what its owner would have
//	troubles.go      what the log has told of keys
//	settings.go      what an operator may choose
//
// # What it promises
//
// It is driven by what is, not by what happened: whatever instruction it is killed
// at, the next run ends with the same objects. A registration is granted only after
// all that it grants is there: rights, then credentials, then the grant. What its client
// asked for earlier is removed after that, so at each moment one of the two accounts has
// all of its rights.
//
// Of the registrations of one client only the last is worked on. Earlier ones that were
// not granted wait for its grant, which deletes them, and make no objects. Creation times
// have a resolution of one second: of several in one second each is granted. Namespaces
// take turns (package queue), so a flood of registrations in one delays the first in
// another by one key for each worker.
//
// Each object that it makes names its owner and the owner's UID (see owner.go). An
// object of that name which is somebody else's is neither changed nor removed, and
// the owner gets nothing through it: the name of a registration is chosen by who
// asks. Nothing is removed because a cache does not know its owner: what is to go is
// looked up first, then a view that is confirmed by a quorum of etcd (Barrier) says
// that the owner is gone, and the removal names the UID of what was looked up. Even so
// an owner that is not there is not enough: see evidence.go. Nor is a mark, which
// whoever writes an object's labels can put there: see belongs.go. What is marked and
// does not fit is left alone, and said once.
//
// A Cluster's namespace is derived by the API server; nothing here writes it, nor
// anything else that follows from facts.
//
// # What it costs
//
// In memory, the metadata of namespaces and of what is marked as managed: some 500
// bytes for each object, of which a registered Cluster has eight. No Secret's content
// is kept. Label edits, heartbeats and roll-ups of a Cluster cost two comparisons.
// A registration costs about a dozen writes, once.
//
// # Concurrency
//
// Several workers take keys from one queue, never the same key at once. Two
// controllers at a time, as when a leader changes, do each other no harm: they make
// the same objects, and remove only what both may.
package agentaccess
