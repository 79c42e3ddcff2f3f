// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dependents deletes Secrets and ConfigMaps after their last owner, where no
// garbage collector runs. Fleet's CLI leaves the deletion of a Bundle's values Secret to the
// garbage collector, and so does package downstream with its copies.
//
//	dependents.go  the watches, the queue, and one turn of an object
//	owners.go      whether an owner is gone
//
// # Promises
//
// An object is deleted only if all its owners are objects of the fleet that a view shows to
// be gone, which is newer than the object. An owner is also gone if another object has its
// name. An object with an owner of another API group or of an unknown kind stays, and so
// does one that changed since it was looked at. The caller must run the controller only while
// views hold all objects.
//
// It does less than Kubernetes' garbage collector: it knows no finalizers and no foreground
// deletion, it does not orphan, and it leaves references to owners that are gone.
//
// # Costs
//
// The package holds the names and owners of all Secrets and ConfigMaps in memory, by owner.
// The deletion of an owner costs one look-up, and one request for each object that it owned.
//
// # Concurrency
//
// Run may be called again after it has returned. Two processes may delete at a time.
package dependents
