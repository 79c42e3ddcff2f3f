// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package restore keeps a restored etcd from clients until an operator has looked at it.
//
//	lease.go    the Lease that remembers which etcd clients know, and how far
//	handler.go  the path at which an operator sees what agents would do
//	options.go  the flags
//
// A replica that runs while etcd is restored notices it by itself (package engine). One that
// starts afterwards has no memory, so the replicas keep a Mark where a restore of etcd does
// not reach: in the annotations of a Lease in kube-apiserver. A start that finds etcd behind
// the mark serves nothing, and one that finds another cluster than the mark's stays closed.
//
// An operator opens the replicas by writing the new cluster's ID into the Lease, and makes
// them forget what they knew by deleting it and restarting them.
//
// # Costs
//
// Each replica reads the Lease every 5 seconds. It writes it if etcd has moved since.
//
// # Concurrency
//
// A Lease is safe for concurrent use. Keep and Follow run once in a process.
package restore
