// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crds pins whose CustomResourceDefinitions the manifests are checked
// against: cert-manager's and prometheus-operator's, as they are in these modules.
// It imports the least that keeps both in go.mod; nothing imports it, and nothing of
// it is compiled. test/e2e/install finds the files with go list -m.
package crds

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
)
