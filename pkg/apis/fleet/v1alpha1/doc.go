// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the 14 kinds of the API group fleet.cattle.io/v1alpha1 (S 1.1).
// Each kind has one Go type and one file. Blocks that several kinds share (options,
// targets, roll-out, summary, status) have files of their own.
//
//	*_types.go      a kind each, or a block that several kinds share
//	generic_map.go  free-form values
//	duration.go     durations that keep their text
//	constants.go    labels, annotations and names that clients rely on
//	written.go      how each kind keeps what its JSON leaves out
//	register.go     the group in a scheme
//	defaults.go     the one default, of targetCustomizationMode
//
// The comments of types and fields are the product's manual: they become the
// OpenAPI descriptions that "kubectl explain" prints.
//
// It promises the JSON of Fleet: the same member names, and the order of members
// in BundleDeploymentOptions and HelmOptions that deployment IDs are hashed over
// (S 4.2). Objects that clients rely on are written even when they are empty
// (options, stagedOptions, status, display, resourceCounts: S 5.2, S 9.4); empty
// maps and lists never are. Null is accepted wherever Fleet accepts it (S 1.2).
//
// All lists are atomic under server-side apply, as they are in Fleet's own
// CustomResourceDefinitions: two appliers get the same result on either.
//
// Types are plain data: not safe for concurrent mutation, and a deep copy costs
// O(size of the object).
//
// +k8s:openapi-gen=true
// +k8s:deepcopy-gen=package
// +k8s:defaulter-gen=TypeMeta
// +k8s:openapi-model-package=io.cattle.fleet.v1alpha1
// +groupName=fleet.cattle.io
package v1alpha1
