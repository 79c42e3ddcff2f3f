// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package freshness knows whether this replica may answer: whether its view held, a few
// seconds ago at most, everything that was committed. It knows times and revisions, and
// nothing of the content of a view.
//
//	pulse.go    readiness, from the ages of etcd's last answers and of the last met barrier
//	keep.go     the loop that renews the pulse each second
//	quorum.go   quorum reads of etcd's revision, shared by concurrent callers
//	wakeups.go  waits for changes of a resource or a namespace
//
// A barrier is a quorum read of etcd's revision and the wait until the view reaches it. When
// it is met, the view is known to hold everything that was committed before the barrier
// began. A pulse is a barrier that no request has asked for.
//
// Everything here is safe for concurrent use.
package freshness
