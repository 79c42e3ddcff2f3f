// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package neighbours measures how a server treats a tenant while its neighbours do the
// worst that their rights allow:
//
//   - an agent floods reports, long and short ones;
//   - a tenant writes costly Bundles again and again, and labels that their templates read;
//   - a reader lists everything, pretty-printed, as YAML and as a table, and holds watches
//     that it never reads;
//   - a client registers again and again.
//
// The tenant labels a Cluster, at once reads the BundleDeployment that follows, and waits
// for the event: first alone, and then together with the crowd. Each client is a user of
// its own. A server may refuse any request of the crowd, and none of the tenant.
//
//	run.go      the measurement
//	tenants.go  the two tenants, and the user of each client
//	crowd.go    the neighbours
//	stuck.go    watches that are never read
//	process.go  a crowd in a process of its own
//
// A bounded test and a benchmark use it, at different sizes.
package neighbours
