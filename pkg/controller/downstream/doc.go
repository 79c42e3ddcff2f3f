// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package downstream copies Secrets and ConfigMaps that agents need to where agents may read
// them: from the Bundle's namespace to that of the Cluster's BundleDeployments (S 4.7).
//
//	options.downstreamResources   Secrets and ConfigMaps, of the promoted options
//	spec.contentsId               the Secret of that name, for an OCI registry
//	helmOpSecretName              the Secret of that name, for a chart repository
//
// Helm values are not copied: they are inline in BundleDeployments, and valuesHash is empty
// (S 4.6). The right to read a BundleDeployment is the right to read its values.
//
// Its files:
//
//	downstream.go  the queue: one key for each BundleDeployment
//	follow.go      whose needs a change in the log changes
//	needs.go       what each BundleDeployment needs
//	sources.go     the watches of the core API, and the content of sources
//	sync.go        one turn of a BundleDeployment, and the record of its copies
//	copy.go        one copy is made like its source
//	origin.go      what a copy is a copy of, and for which BundleDeployments
//	digest.go      whether copies changed since they were last counted
//	obstacle.go    why something cannot be copied
//
// # Promises
//
// A copy has the name, type and data of its source, and nothing else of it. All
// BundleDeployments that name it own it, so Kubernetes' garbage collector removes it after
// the last of them; Fleet makes the first its only owner. Where a source is missing, the
// copy remains as it is. A copy that is no longer named stays until its owners are gone, or
// until another source needs its name.
//
// The annotation of a copy says its origin: KIND/NAMESPACE/NAME/TYPE. Bundles of several
// namespaces may reach one Cluster, and one Bundle may need a Secret as it is while another
// needs it as the Secret of a registry. A copy of one origin never becomes a copy of another
// while a BundleDeployment needs it: it is an obstacle for the other, and nothing is written
// for that one. A copy without the annotation was made by an earlier version or by Fleet. It
// belongs to the BundleDeployment that is its controller, if that still needs it, and
// otherwise to the first one that needs it. An object that no BundleDeployment owns is an
// obstacle, too: an agent's own Secrets are in that namespace.
//
// Obstacles, and sources that are missing, unsupported or without a name, are facts in the
// record of a BundleDeployment's copies. The Ready condition of its Bundle shows them. They
// are not tried again until something changes.
//
// An agent looks up copies by name alone, so it would read the copy of another origin, or its
// own Secret of the name. Therefore the record also lists the copies that are held for the
// BundleDeployment. Until it lists all that are needed, spec.waitingForValues makes the agent
// leave everything as it is, also while no controller runs. Fleet's agent tries and fails
// until the copies exist, and then reads what it finds.
//
// When a copy of a downstream resource is made or changes, the BundleDeployment's
// downstreamResourcesGeneration grows after that, so that the agent deploys again. The count
// is a record of the log with a digest of the copies: it also grows if this process died
// between the copy and the count. Copies of the two access Secrets are not counted, as in
// Fleet.
//
// # Costs
//
// The package watches the metadata of all Secrets and ConfigMaps, and holds the data of the
// sources in memory. A change of a source costs a read, a write and a transaction for each
// BundleDeployment that names it; a start costs a read for each. The namespaces of Bundles
// take turns, and a BundleDeployment that changes all the time slows down (package queue).
//
// # Concurrency
//
// Run may be called again after it has returned. Two processes may copy at a time.
package downstream
