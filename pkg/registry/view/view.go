// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"errors"
	"iter"
	"math"
	"slices"
	"sync"
	"time"
	"weak"

	"github.com/musterfleet/muster/pkg/registry/record"
)

var (
	// ErrCompacted means that the log of changes no longer reaches back to the
	// revision asked for.
	ErrCompacted = errors.New("revision is no longer held")
	// ErrFuture means that the revision asked for has not been reached.
	ErrFuture = errors.New("revision has not been reached")
)

// Never is later than all revisions.
const Never = math.MaxInt64

// View is all objects at one revision, and the changes of the last revisions.
type View struct {
	// Revision is the state's: all of it is in, and nothing later.
	Revision int64
	// Oldest is the oldest revision that the log can tell about.
	Oldest int64
	// Whole is the revision from which on all is known that decides which
	// BundleDeployments there are, Never if something is missing (Builder.SetWhole).
	Whole int64
	// Unread are the objects of which nothing is known, by resource: they are not in the
	// tables, and may be there (Builder.SetUnread).
	Unread map[string]map[record.Name]struct{}
	// ReadSince is, by resource, the revision from which on it is known of all objects
	// whether they are there, where it was not. No change tells how that came to be.
	ReadSince map[string]int64

	tables tables
	held   History
	// log shares its backing array with earlier and later views; no element in
	// reach of a published slice is ever written again.
	log []*Revision
}

// Revision is the changes that one revision made, and the state after it.
type Revision struct {
	At      int64
	changes map[string][]*Change
	tables  tables
	// weight is an estimate of what it keeps alive, in bytes; seen is when it came.
	weight int64
	seen   time.Time
	// number counts the revisions that a builder has logged.
	number int64
	// touched holds what its block has changed, in the last revision of a block: see
	// skip_index.go.
	touched map[where]struct{}
}

// Change is what one revision made of one object: a pair, not a verb. Prev is
// nil for a new object, Next for one that is gone.
type Change struct {
	Name       record.Name
	Prev, Next Item

	rendered [2]struct {
		sync.Mutex
		object any // a weak.Pointer
	}
}

// Form names the two objects that watchers may be told of by one change.
type Form int

// The forms of a change.
const (
	// Present is the object after the change.
	Present Form = iota
	// Gone is the object before the change, as one that left.
	Gone
)

// Rendered returns the object in the form given, built by the first that asks, for
// all watchers that are sent it at about the same time. A failure is not kept.
//
// Nor is the object, once nobody has it any more: with what was encoded of it, that of
// a GitRepo takes megabytes, and there is one for each report in the history.
func Rendered[T any](c *Change, form Form, build func() (*T, error)) (*T, error) {
	slot := &c.rendered[form]
	slot.Lock()
	defer slot.Unlock()
	if kept, ok := slot.object.(weak.Pointer[T]); ok {
		if object := kept.Value(); object != nil {
			return object, nil
		}
	}
	object, err := build()
	if err != nil {
		return nil, err
	}
	slot.object = weak.Make(object)
	return object, nil
}

// Get returns an object, or nil.
func (v *View) Get(resource string, name record.Name) Item { return v.tables.of(resource).get(name) }

// Len is how many objects a resource has.
func (v *View) Len(resource string) int { return v.tables.of(resource).len() }

// All iterates over a resource in order, from a name on.
func (v *View) All(resource string, from record.Name) iter.Seq[Item] {
	return v.tables.of(resource).from(from)
}

// OfBundle iterates over the BundleDeployments of one Bundle, in order.
func (v *View) OfBundle(bundle record.Name) iter.Seq[Item] {
	if t, ok := v.tables[record.BundleDeployments].(*pairs); ok {
		return t.ofBundle(bundle)
	}
	return func(func(Item) bool) {}
}

// At returns the state at an earlier revision. It fails with ErrCompacted or
// ErrFuture.
func (v *View) At(revision int64) (*View, error) {
	switch {
	case revision == v.Revision:
		return v, nil
	case revision > v.Revision:
		return nil, ErrFuture
	case revision < v.Oldest:
		return nil, ErrCompacted
	}
	i := v.after(revision)
	if i == len(v.log) {
		return &View{Revision: revision, Oldest: v.Oldest, Whole: v.Whole, Unread: v.Unread, ReadSince: v.ReadSince, tables: v.tables, log: v.log}, nil
	}
	// The first entry of the log is at the oldest revision, so i is not 0.
	return &View{Revision: revision, Oldest: v.Oldest, Whole: v.Whole, Unread: v.Unread, ReadSince: v.ReadSince, tables: v.log[i-1].tables, log: v.log[:i]}, nil
}

// Since returns the revisions after the given one. It fails with ErrCompacted
// if the log does not reach back that far.
func (v *View) Since(revision int64) ([]*Revision, error) {
	if revision < v.Oldest {
		return nil, ErrCompacted
	}
	return v.log[v.after(revision):], nil
}

// Exactly returns the changes of one revision, nil if it made none or is no
// longer held.
func (v *View) Exactly(revision int64) *Revision {
	i := v.after(revision - 1)
	if i < len(v.log) && v.log[i].At == revision {
		return v.log[i]
	}
	return nil
}

// loaded reports whether the log begins with the state that was loaded at the revision:
// what the revision itself changed is not known.
func (v *View) loaded(revision int64) bool {
	return v.log[0].At == revision && v.log[0].changes == nil
}

// after is the index of the first revision in the log after the given one.
func (v *View) after(revision int64) int {
	i, _ := slices.BinarySearchFunc(v.log, revision+1, func(r *Revision, at int64) int { return cmp.Compare(r.At, at) })
	return i
}

// Told holds the changes that one revision made to a resource in a scope, in order.
type Told struct {
	Changes []*Change
	// Revision is the revision of the changes.
	Revision int64
	// all is how many objects of the resource the revision changed, and follow how many of
	// these come after the last of Changes.
	all, follow int
}

// Version returns the version of the i-th change.
func (t Told) Version(i int) Version {
	return before(t.Revision, t.follow+len(t.Changes)-1-i)
}

// after returns the changes that come after a version of the same revision.
func (t Told) after(v Version) Told {
	keep := v.follow(t.all) - t.follow
	t.Changes = t.Changes[max(0, len(t.Changes)-max(0, keep)):]
	return t
}

// Changes returns what the revision changed of a resource, in order; of one
// namespace if it is not "", of one name if that is not "" too.
func (r *Revision) Changes(resource, namespace, name string) []*Change {
	return r.Told(resource, namespace, name).Changes
}

// Told returns the same changes as Changes, with their versions.
func (r *Revision) Told(resource, namespace, name string) Told {
	all := r.changes[resource]
	told := func(from, to int) Told {
		return Told{Changes: all[from:to], Revision: r.At, all: len(all), follow: len(all) - to}
	}
	if namespace == "" && name == "" {
		return told(0, len(all))
	}
	// Ten thousand agents ask each revision, and one of them has something in it.
	if len(all) == 0 || all[len(all)-1].Name.Namespace < namespace || namespace < all[0].Name.Namespace {
		return Told{}
	}
	from, _ := slices.BinarySearchFunc(all, namespace, func(c *Change, ns string) int { return cmp.Compare(c.Name.Namespace, ns) })
	to, _ := slices.BinarySearchFunc(all, namespace+"\x00", func(c *Change, ns string) int { return cmp.Compare(c.Name.Namespace, ns) })
	if name == "" {
		return told(from, to)
	}
	for i, c := range all[from:to] {
		if c.Name.Name == name {
			return told(from+i, from+i+1)
		}
	}
	return Told{}
}
