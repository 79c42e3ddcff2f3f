// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race || invariants

package invariants

// Enabled reports whether the checks run.
const Enabled = true
