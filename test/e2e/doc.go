// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests Muster in a real cluster, which package cluster starts. Each folder below
// has a theme and says in its own comment what it runs. Package fleet plays Fleet's programs
// beside Muster.
package e2e
