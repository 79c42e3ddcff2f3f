// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package neighbours measures what a tenant has of a server while its neighbours do the
// worst that their rights allow:
//
//   - an agent floods reports, long and short ones;
//   - a tenant writes costly Bundles again and again, and labels that their templates read;
//   - a reader lists everything, pretty-printed, as YAML and as a table, and holds watches
//     that it never reads;
//   - a client registers again and again.
//
// The tenant labels a Cluster, reads at once what follows from it, and waits for the event:
// first alone, and then beside the crowd. Each client is a user of its own. A server may
// refuse the crowd anything; the tenant, nothing.
//
//	run.go      the measurement
//	tenants.go  the two tenants, and the user of each client
//	crowd.go    the neighbours
//	stuck.go    watches that are never read
//	process.go  a crowd in a process of its own
//
// It is for a bounded test and for a benchmark, at different sizes.
package neighbours
