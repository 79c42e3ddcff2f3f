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
// it when the last of them is gone; Fleet makes the first its only owner. What is in
// the way and is owned by no BundleDeployment is left alone, and said so in the log:
// an agent's own Secrets are in that namespace too. A source that is missing leaves
// the copy as it is. A copy that is no longer named stays until its owners are gone.
//
// When a copy of a downstream resource comes or changes, the BundleDeployment's
// downstreamResourcesGeneration grows, after the copy is there, so that the agent
// deploys it anew. The count is a record of the log, with a digest of what was
// copied: it also grows if this process died between the copy and the count. Copies
// of the two access Secrets are not counted, as in Fleet.
//
// # Costs
//
// Two watches of metadata, of all Secrets and ConfigMaps; the data of the sources in
// memory. A change of a source costs, for each BundleDeployment that names it, a
// read, a write and a transaction; a start costs a read for each.
//
// Run may be called again when it has returned, and beside another process that does
// the same.
package downstream
