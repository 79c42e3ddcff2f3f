// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package downstream copies what agents need of the core API to where they may read
// it: from the Bundle's namespace to the one of the Cluster's BundleDeployments
// (S 4.7).
//
//	options.downstreamResources   Secrets and ConfigMaps, of the promoted options
//	spec.contentsId               the Secret of that name, for an OCI registry
//	helmOpSecretName              the Secret of that name, for a chart repository
//
// Helm values are not copied: they are inline in BundleDeployments, and valuesHash
// is empty (S 4.6). Who may read a BundleDeployment reads its values.
//
// # Promises
//
// A copy has its source's name, type and data, and nothing else of it. It is owned
// by all BundleDeployments that name it, so that Kubernetes' garbage collector takes
// it when the last of them is gone; Fleet makes the first its only owner. A source that
// is missing leaves the copy as it is. A copy that is no longer named stays until its
// owners are gone, or until another source needs its name.
//
// A copy knows its source: its annotation says KIND/NAMESPACE/NAME/TYPE of it. Bundles of
// several namespaces may reach one Cluster, and a Bundle may need a Secret as it is while
// another needs it as a registry's. What is a copy of one source never becomes a copy of
// another while a BundleDeployment needs it: it is in the way of the other. The first
// holds it, and nothing is written for the second. A copy without the annotation, of an
// earlier version or of Fleet, is the copy of what its controller names, if that
// BundleDeployment still needs it; else of the first to need it. An object that is owned by
// no BundleDeployment is in the way, too: an agent's own Secrets are in that namespace.
//
// What is in the way, and what is missing, unsupported or without a name, is a fact in
// the record of the BundleDeployment's copies. The Bundle's Ready condition tells it. It
// is not tried again until something changes.
//
// An agent looks copies up by name alone, so it would read what is held by another source,
// or an agent's own Secret of the name. Therefore the record also says which copies are
// held for the BundleDeployment. Until all are that it needs, its spec.waitingForValues
// tells the agent to leave everything as it is; that holds also while no controller runs.
// Fleet's agent tries and fails until the copies exist, and then reads what it finds.
//
// When a copy of a downstream resource comes or changes, the BundleDeployment's
// downstreamResourcesGeneration grows, after the copy exists, so that the agent
// deploys it anew. The count is a record of the log, with a digest of what was
// copied: it also grows if this process died between the copy and the count. Copies
// of the two access Secrets are not counted, as in Fleet.
//
// # Costs
//
// Two watches of metadata, of all Secrets and ConfigMaps; the data of the sources in
// memory. A change of a source costs, for each BundleDeployment that names it, a
// read, a write and a transaction; a start costs a read for each. BundleDeployments of
// Bundles of several namespaces take turns, and one that never comes to rest slows down
// (package queue).
//
// Run may be called again when it has returned, and beside another process that does
// the same.
package downstream
