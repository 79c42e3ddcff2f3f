// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"strconv"
)

// PlaceBits is the number of bits in a Version that hold its place.
const PlaceBits = 20

// MaxRevision is the last revision whose versions fit into 63 bits.
const MaxRevision = 1<<(63-PlaceBits) - 1

// lastPlace is the place of the last change of every revision.
const lastPlace = 1<<PlaceBits - 1

// Version is a place in the log: a revision of etcd, and a place among its changes of one
// resource, in the order of their keys (see the contract in pkg/registry). A later state or
// change has a higher Version. The zero Version comes before all others.
type Version int64

// VersionAt returns the version of the state after a whole revision. Before all revisions,
// it returns the zero Version.
func VersionAt(revision int64) Version {
	if revision <= 0 {
		return 0
	}
	return Version(revision<<PlaceBits | lastPlace)
}

// FirstOf returns the first version of a revision.
func FirstOf(revision int64) Version { return before(revision, lastPlace) }

// before returns the version of the change that comes n places before the last one.
func before(revision int64, n int) Version {
	return Version(revision<<PlaceBits | int64(lastPlace-min(n, lastPlace)))
}

// Revision returns the revision of the version.
func (v Version) Revision() int64 { return int64(v >> PlaceBits) }

// Whole reports whether the version names the state after its whole revision.
func (v Version) Whole() bool { return v&lastPlace == lastPlace }

// follow returns how many of the n changes of the version's revision come after it. Changes
// that share place 0 cannot be distinguished, so all n come after a version with that place.
func (v Version) follow(n int) int {
	place := int(v & lastPlace)
	if place == 0 && n > lastPlace+1 {
		return n
	}
	return min(n, lastPlace-place)
}

// String returns the version as a resourceVersion.
func (v Version) String() string { return strconv.FormatInt(int64(v), 10) }

// Places is the number of bits in a resourceVersion that hold its place. A server uses
// PlaceBits. With fewer, more changes of a revision share place 0.
type Places uint

// Number returns a version as the number of a resourceVersion.
func (p Places) Number(v Version) uint64 {
	last := int64(1)<<p - 1
	return uint64(v.Revision()<<p | max(0, last-int64(lastPlace-v&lastPlace)))
}

// Version returns the version with a number, or the largest Version if the number is too
// large.
func (p Places) Version(number uint64) Version {
	last := int64(1)<<p - 1
	switch {
	case number == 0:
		return 0
	case number>>p > MaxRevision:
		return math.MaxInt64
	}
	return before(int64(number>>p), int(last-int64(number)&last))
}
