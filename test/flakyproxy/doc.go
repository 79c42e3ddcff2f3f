// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package flakyproxy is a TCP proxy to a server that a test can break, as a network
// breaks. It carries bytes and does not look at them, so TLS passes through.
//
//	proxy.go  the Proxy, and the ways to break it
//	relay.go  bytes both ways between two connections, for other proxies too
//
// All methods may be called from any goroutine. A Proxy costs two goroutines for each
// connection, and ends with the test.
package flakyproxy
