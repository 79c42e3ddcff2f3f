// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package placement is the admission plugin ClusterPlacement. It asks for a right of its
// own to set the namespace of a Cluster's BundleDeployments. A write that changes a
// Cluster's status.namespace costs one SubjectAccessReview, any other write nothing.
package placement
