// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kine pins the kine that the end-to-end tests run Muster against: a
// store that speaks some of etcd's API, and that Muster must refuse. It is a
// module of its own, so that kine's dependencies stay apart from ours.
package kine
