// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package embedded runs an etcd in this process, for the all-in-one. It is as durable and
// as limited as one in production, and listens on no port.
//
// etcd ends the process, or panics, where it cannot continue. Here that ends its goroutine
// alone, so that the program can say in one sentence what has happened.
//
//	etcd.go      Start, Close, and how it is set up
//	fate.go      what etcd says when it cannot continue, in one sentence
//	database.go  a database that is damaged is found before etcd reads it
package embedded
