// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package embedded runs an etcd in this process, for the all-in-one. It is as durable and
// as limited as one in production, and listens on no port.
//
// An etcd that cannot continue ends its process or panics. Here only its goroutine ends, so
// that the program can report the cause in one sentence.
//
//	etcd.go      Start, Close, and the configuration
//	fate.go      the cause for which etcd cannot continue
//	database.go  a check for damage before etcd reads its database
package embedded
