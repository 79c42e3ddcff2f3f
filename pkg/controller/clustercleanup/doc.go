// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clustercleanup removes what a deleted Cluster leaves behind: its namespace, and the
// Bundle that agentmanagement made to keep its agent up to date. Fleet's controller does that
// under the Cluster's finalizer (S 5.3). It works alike, whichever program manages the agents.
//
//	controller.go  the queue: one key for each Cluster that went, or that owns a namespace
//	namespace.go   which namespace may be removed
//	bundle.go      which Bundle may be removed
//
// # Why it is safe
//
// The BundleDeployments of a Cluster do not depend on its namespace, and end with the Cluster
// itself. But a namespace also holds an agent's account and its copies of Secrets, so a mistake
// here disconnects an agent. Therefore all of this has to hold before anything is removed:
//
//   - No Cluster has the name now, in a view that a quorum of etcd confirms. An answer of an API
//     server decides nothing. A Cluster that was created again keeps everything.
//   - The log showed that the Cluster went. Only a namespace that Muster made needs no such
//     evidence, but an hour without an owner (package ownership). So an empty, foreign or
//     restored etcd removes nothing that Fleet made. While a restored etcd is closed, or while a
//     record cannot be read, no controller runs (package loops).
//   - The namespace has the label of managed objects, the annotations of this Cluster, and the
//     name that follows from the Cluster's (S 8.1). It is no system namespace, and no other
//     Cluster has its BundleDeployments there.
//   - The Bundle has the name and the only target that agentmanagement gives it, and the
//     annotation of its object set (S 8.5).
//
// A removal names the UID of the object that was looked at. A namespace that an operator chose
// for a Cluster remains.
//
// # Costs
//
// In memory, the metadata of all namespaces, about 500 bytes each. A Cluster that goes costs one
// quorum read, a look at all Clusters, and two requests.
//
// # Concurrency
//
// Several workers take keys from one queue. Two controllers may run at a time.
package clustercleanup
