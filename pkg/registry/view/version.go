// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"strconv"
)

// PlaceBits is how many bits of a Version are its place.
const PlaceBits = 20

// MaxRevision is the last revision whose versions fit into 63 bits.
const MaxRevision = 1<<(63-PlaceBits) - 1

// lastPlace is the place of the last change of every revision.
const lastPlace = 1<<PlaceBits - 1

// Version is a place in the log: a revision of etcd, and a place among its changes of one
// resource, in the order of their keys. Places count from the end: the last change has the
// last place, the one before it the next lower. So the state after a whole revision has the
// last place, however many objects the revision changed, and so has the only object of a
// revision that changed one. Where a revision changes more objects than there are places,
// the first ones share place 0.
//
// A later state or change has a higher Version. The zero Version comes before all others.
type Version int64

// VersionAt returns the version of the state after all of a revision; the zero Version
// before all revisions.
func VersionAt(revision int64) Version {
	if revision <= 0 {
		return 0
	}
	return Version(revision<<PlaceBits | lastPlace)
}

// FirstOf returns the first version of a revision.
func FirstOf(revision int64) Version { return before(revision, lastPlace) }

// before returns the version of the change that comes n changes before the last one.
func before(revision int64, n int) Version {
	return Version(revision<<PlaceBits | int64(lastPlace-min(n, lastPlace)))
}

// Revision returns the revision that the version is of.
func (v Version) Revision() int64 { return int64(v >> PlaceBits) }

// Whole reports whether the version names the state after all of its revision.
func (v Version) Whole() bool { return v&lastPlace == lastPlace }

// follow returns how many of the n changes of the version's revision come after it. The
// version does not tell apart the changes that share place 0, so all n come after it.
func (v Version) follow(n int) int {
	place := int(v & lastPlace)
	if place == 0 && n > lastPlace+1 {
		return n
	}
	return min(n, lastPlace-place)
}

// String returns the version as a resourceVersion.
func (v Version) String() string { return strconv.FormatInt(int64(v), 10) }

// Places are the bits of a resourceVersion that are its place: PlaceBits where clients are
// served. With fewer, more changes of a revision share place 0.
type Places uint

// Number returns a version as the number of a resourceVersion.
func (p Places) Number(v Version) uint64 {
	last := int64(1)<<p - 1
	return uint64(v.Revision()<<p | max(0, last-int64(lastPlace-v&lastPlace)))
}

// Version returns the version with a number. For a number that is too large it returns the
// largest Version.
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
