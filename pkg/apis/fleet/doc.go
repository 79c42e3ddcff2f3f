// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleet names the API group fleet.cattle.io. Its types live in the
// package of their version, v1alpha1; there is no separate internal version.
package fleet

// GroupName is the API group that Muster serves.
const GroupName = "fleet.cattle.io"
