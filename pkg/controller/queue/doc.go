// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queue is the work queue of a controller. It keeps one tenant's work, and one
// key that never comes to rest, from delaying the work of others.
//
//	fair.go   the keys of all tenants take turns, one key of each
//	pace.go   a key that is worked on again and again has to wait
//	queue.go  both, on client-go's rate limiting queue
//	work.go   the workers that take keys
//
// # Promises
//
// With n tenants that have work, a tenant's first key is handed out after n keys at
// most, however many keys the others have. The keys of one tenant come in the order
// in which they were added.
//
// A key is handed out at once for the first turns. After that each turn doubles the
// time until the next one, up to a maximum, whatever adds the key: an event that the
// turn itself caused counts like any other. A key that has had no turn for twice its
// delay starts anew. A change is never lost: a key that has to wait is handed out when
// its time has come. A turn that failed is tried again after a delay of its own, which
// also doubles, up to a maximum.
//
// A Queue is safe for concurrent use. Memory is proportional to the keys that wait and
// to those that had a turn lately.
package queue
