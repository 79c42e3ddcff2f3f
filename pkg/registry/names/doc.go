// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package names computes the names that Fleet gives to objects (S 4.8). Agents and Fleet's
// other programs compute the same names from the same inputs, so a name here never changes.
//
// All functions are pure, cost one hash at most, and may be called from any goroutine.
package names
