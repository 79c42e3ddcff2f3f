// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crds pins the CustomResourceDefinitions that the manifests are checked with:
// those of cert-manager and prometheus-operator, as they are in these modules. It imports
// just enough to keep both in go.mod. Nothing imports it, and none of it is compiled.
// test/e2e/install finds the files with "go mod download".
package crds

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
)
