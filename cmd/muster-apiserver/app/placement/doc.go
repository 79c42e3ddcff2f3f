// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package placement is the admission plugin ClusterPlacement: who may say in which
// namespace a Cluster's BundleDeployments are. A write of a Cluster's status.namespace
// costs one SubjectAccessReview; any other write costs nothing.
package placement
