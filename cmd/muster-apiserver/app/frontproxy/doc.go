// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package frontproxy decides whether the names of users that a cluster's front proxy sends
// can be believed. The server asks once, at its start: it must not start where any user
// could speak for all others.
package frontproxy
