// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package coreapi serves the few parts of Kubernetes' own APIs that kubectl needs. In a
// cluster kube-apiserver serves them; the all-in-one runs without one.
//
//	namespaces.go  the namespaces that exist, read-only
//	reviews.go     the reviews behind "kubectl auth whoami" and "kubectl auth can-i"
package coreapi
