// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clusterprofile keeps labels of Clusters in step with a cluster inventory: with the
// labels and the properties of ClusterProfiles (multicluster.x-k8s.io, of the project
// sigs.k8s.io/cluster-inventory-api). So a label of the inventory decides which Bundles a
// Cluster gets. An operator turns it on; it is off by default.
//
//	clusterprofile.go  the queue: one key for each Cluster
//	follow.go          which keys a change of a Cluster concerns
//	belonging.go       which Cluster belongs to which profile
//	inventory.go       the watch of the profiles
//	settings.go        the choices of an operator
//	mapping.go         the labels that a profile asks for
//	owners.go          which labels of a Cluster are this package's, and which are of others
//	plan.go            what to apply to a Cluster
//	apply.go           writes it
//	complaints.go      which errors were logged already
//
// # Which Cluster belongs to which profile
//
// A Cluster belongs to the profile with its namespace and its name, or to the one that its
// annotation muster.fleet.cattle.io/cluster-profile names, as NAME or NAMESPACE/NAME. The
// Cluster names the profile and never the reverse: a user who may write profiles in one
// namespace gets no right over Clusters of another. Several Clusters may name one profile.
//
// No Cluster is created or deleted: a Cluster is the place of an agent, and registration
// makes it with the agent's rights. A profile without a Cluster has no effect.
//
// # Which labels
//
// The operator chooses which labels and which properties to take; the default is all. A label
// keeps its key. The key of a property is a prefix, "clusterprofile/" by default, and its
// name with "_" in place of "/". The prefix separates both sources: a property never
// contends with a label, and a label of a Cluster shows which source it has.
//
// Some labels are never taken. Those of cattle.io and the domains below it decide which
// agent a Cluster is and which controller owns it. Those of app.kubernetes.io, helm.sh,
// argoproj.io and fluxcd.io describe the profile as an object, and a tool that finds them on
// a Cluster takes the Cluster for its own.
//
// # Promises
//
// Labels are written by server-side apply with the field manager muster-clusterprofiles, and
// without force. A label of another manager with another value stays as it is. One with the
// same value is shared, and stays when the profile loses it. The Cluster's annotation
// muster.fleet.cattle.io/cluster-profile-skipped names each label that the Cluster does not
// get, with the reason: another manager owns it, or the key or the value is no label's. All
// other labels are written.
//
// A label goes only if the profile exists without it. A label that goes may uninstall
// software, so what is not known takes none away:
//
//   - A profile that is deleted, is being deleted or cannot be read leaves all labels.
//   - In the first minute of a profile, labels are added and changed, and none goes. An
//     inventory that creates a profile again writes its labels and its status after that.
//   - A profile without any property leaves the labels of properties, because its status may
//     not be written yet.
//   - A property whose value is no label value any more leaves its label with the last value.
//
// The result depends on the profile, the Cluster and the time alone: nothing is kept in
// memory that another process would not find. Two processes may work at a time.
//
// Until the CustomResourceDefinition of the profiles exists, the package looks for it again
// with growing delays of up to a minute.
//
// # Costs
//
// The package holds the labels and properties of all profiles in memory. A change of a
// profile that changes no label costs a comparison. Each other change is one request to the
// API, which passes admission and audit like that of any client. Namespaces take turns, and
// a profile that changes all the time is followed more rarely (package queue).
//
// # Concurrency
//
// Run may be called again after it has returned.
package clusterprofile
