// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queue is the work queue of a controller. Neither a tenant with much work nor a
// key that changes all the time delays the work of others.
//
//	fair.go   the keys of all tenants take turns, one key of each
//	pace.go   a key that has turn after turn has to wait
//	queue.go  both, on client-go's rate limiting queue
//	work.go   the workers that take keys
//
// # Promises
//
// If n tenants have work, the first key of each is handed out after at most n keys, however
// many keys the others have. The keys of one tenant come in the order in which they were
// added.
//
// A key has its first turns at once. After that each turn doubles the time until the next
// one, up to a maximum, whatever adds the key: an event that the turn itself caused counts
// like any other. A key that has had no turn for twice its delay begins again without one.
// No change is lost: a key that has to wait is handed out when its time has come. A turn
// that failed is tried again after a delay of its own, which also doubles up to a maximum.
//
// # Costs
//
// Memory is proportional to the keys that wait and to those that had a turn lately.
//
// # Concurrency
//
// A Queue is safe for concurrent use. No key is handed out again before it is done.
package queue
