// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import "runtime"

// Limits holds what all requests to a server share.
type Limits struct {
	// Events holds turns for the events of watches. Heavy holds turns for large lists,
	// large bodies and slow templates. They are separate because a list computes for as
	// long as a thousand events.
	Events, Heavy *Budget
	// Bytes is the memory of large lists.
	Bytes *Budget
	// pace is the pace of Heavy; nil never rests.
	pace *pace
}

const (
	// ListBytes bounds the memory, in bytes, of all large lists in progress, and
	// UserListBytes that of one user's lists. A list that alone exceeds the latter is
	// answered while its user has no other.
	ListBytes     = 1 << 30
	UserListBytes = ListBytes / 2
)

// NewLimits returns the limits of a server, by the number of its processors. Heavy work
// leaves half of them to everything else. With two processors it takes one, so that small
// requests, and etcd on the same machine, need not wait until heavy work is preempted. With
// four or more, one user may have half of the turns.
func NewLimits() *Limits {
	processors := int64(runtime.GOMAXPROCS(0))
	heavy := max(1, processors/2)
	return &Limits{
		Events: NewBudget(2*processors, processors),
		Heavy:  NewBudget(heavy, max(1, heavy/2)),
		Bytes:  NewBudget(ListBytes, UserListBytes),
		pace:   newPace(heavy),
	}
}
