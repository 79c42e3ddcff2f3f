// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ownership keeps objects of the core API for objects of the fleet's API, their
// owners: it makes them, keeps them as they should be, and removes them after their owner.
// An owner reference cannot do that: it does not lead from one namespace to another, and
// Kubernetes' garbage collector trusts its own cache of the owners.
//
//	owner.go     the mark that names the owner of an object
//	keeper.go    what the package needs of its user
//	cache.go     the metadata of the objects that exist
//	kinds.go     the kinds that are kept, and which part of each is decided here
//	ensure.go    an object exists and has the right content
//	withdraw.go  an object whose owner is gone is removed,
//	evidence.go  if there is evidence that the owner is gone
//
// # Promises
//
// Each object that is made names its owner and the owner's UID. An object of the same name
// that belongs to another owner, or has no mark, is neither changed nor removed, and the
// owner gets no rights through it: agents choose the names of registrations.
//
// Nothing is removed because a cache does not know its owner. The user first looks up what
// is to be removed (Of), and then finds out that the owner is gone, from a view that a
// quorum of etcd confirms. A removal names the UID of the object that was looked up. Even
// an owner that certainly does not exist is not enough: see evidence.go. Neither is a mark,
// since the right to write labels and annotations is enough to forge one: the object must
// also have a name that its owner would give it (Options.Belongs). An object that has the
// mark and the wrong name is left alone, and logged once.
//
// # Costs
//
// In memory, the metadata of all namespaces and of all objects that are marked as managed,
// about 500 bytes each; no Secret's content.
//
// # Other owners
//
// Copies for BundleDeployments (package downstream) have owner references, of several
// BundleDeployments in their own namespace, and are left to Kubernetes' garbage collector.
//
// # Concurrency
//
// A Keeper is safe for concurrent use. Two processes may keep the same objects at a time:
// they make the same ones, and remove only what both may remove.
package ownership
