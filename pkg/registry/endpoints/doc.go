// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package endpoints joins kinds and stores to the REST endpoints of the API
// group. Every kind has the same endpoint for its objects and the same for its
// status; two differ: BundleDeployments are computed, so their main endpoint
// only reads, and Contents come straight from their records.
//
//	endpoints.go  New: the endpoints of all kinds
//	objects.go    objects, and their status
//	computed.go   BundleDeployments
//	contents.go   Contents
//
// What an endpoint implements is what discovery announces, so the computed ones
// are types of their own instead of a store with some verbs refused.
package endpoints
