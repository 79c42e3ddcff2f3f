// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package generated is the parent of what hack/ci/update-codegen.sh makes from the
// types in pkg/apis:
//
//	openapi             the definitions that the server publishes and applies by
//	applyconfiguration  objects with optional fields only, for server-side apply
//	clientset           typed clients, real and fake
//	listers, informers  typed caches that follow a watch
//
// Only this file, its tests and openapi/cmd are written by hand.
package generated
