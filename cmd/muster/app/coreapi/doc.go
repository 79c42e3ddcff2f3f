// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package coreapi answers what kubectl asks of a cluster beside Fleet's API. In a cluster
// that is kube-apiserver's to say; the all-in-one has none.
//
//	namespaces.go  the namespaces that exist, read-only
//	reviews.go     answers to "kubectl auth whoami" and "kubectl auth can-i"
package coreapi
