// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package coreapi serves the parts of Kubernetes' own APIs that clients of a fleet need:
// kubectl, Fleet's CLI and the controllers that copy values and Secrets. In a cluster
// kube-apiserver serves them; the all-in-one runs without one.
//
//	namespaces.go  the namespaces that exist, read-only
//	stored.go      Secrets and ConfigMaps in etcd
//	strategy.go    what both have in common
//	secrets.go     which Secrets are valid
//	configmaps.go  which ConfigMaps are valid
//	tables.go      what "kubectl get" shows of both
//	reviews.go     the reviews behind "kubectl auth whoami" and "kubectl auth can-i"
//
// # Promises
//
// Secrets and ConfigMaps are validated, patched, applied, listed and watched as in
// kube-apiserver, with k8s.io/apiserver's registry on its etcd storage. They have the same
// limits: 1 MiB of data, and immutable means immutable.
//
// They are stored in plain text, like all other records of the all-in-one. The data directory
// is readable by its owner only.
//
// # Costs
//
// Nothing is kept in memory: each read and each watch goes to the etcd of this process. Their
// keys are outside of the range that the engine watches.
package coreapi
