// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package endpoints joins kinds and stores to the REST endpoints of the API group. All
// kinds share one endpoint for objects and one for statuses, with two exceptions:
// BundleDeployments are computed, so their main endpoint only reads, and Contents come
// straight from their records.
//
//	endpoints.go  New: the endpoints of all kinds
//	objects.go    objects, and their status
//	deletion.go   deletions, which finalizers of fleet-controller do not hold back
//	computed.go   BundleDeployments
//	contents.go   Contents
//
// Discovery announces what an endpoint implements. So the computed endpoint is a type of
// its own instead of a store that refuses some verbs.
package endpoints
