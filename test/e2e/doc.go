// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests Muster in a real cluster.
package e2e
