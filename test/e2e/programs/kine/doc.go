// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kine pins the kine that the end-to-end tests run Muster against: a store with a
// part of etcd's API, which Muster must refuse. It is a module of its own, to keep kine's
// dependencies apart from ours.
package kine
