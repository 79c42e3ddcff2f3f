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
	// ErrCompacted means that the log no longer reaches back to the requested revision.
	ErrCompacted = errors.New("revision is no longer held")
	// ErrFuture means that the view has not reached the requested revision.
	ErrFuture = errors.New("revision has not been reached")
)

// Never is later than all revisions.
const Never = math.MaxInt64

// View holds all objects at one revision, and the changes of the last revisions.
type View struct {
	// Revision is the revision of the state: it includes that revision and nothing later.
	Revision int64
	// Oldest is the oldest revision from which the log has all changes.
	Oldest int64
	// Whole is the first revision at which all facts are known that decide which
	// BundleDeployments exist. It is Never while a fact is missing (Builder.SetWhole).
	Whole int64
	// Unread holds, by resource, the objects that could not be read. The tables do not have
	// them, but they may exist (Builder.SetUnread).
	Unread map[string]map[record.Name]struct{}
	// ReadSince holds, by resource, the revision at which an unread object last became
	// readable. No change in the log shows that.
	ReadSince map[string]int64

	tables tables
	held   History
	// log shares its backing array with earlier and later views. No element that a
	// published slice can reach is ever written again.
	log []*Revision
}

// Revision holds the changes of one revision, and the state after it.
type Revision struct {
	At      int64
	changes map[string][]*Change
	tables  tables
	// weight estimates the bytes that the revision keeps alive; seen is when it arrived.
	weight int64
	seen   time.Time
	// number is the revision's number among those that the builder has logged.
	number int64
	// touched holds what its block has changed, in the last revision of a block: see
	// skip_index.go.
	touched map[where]struct{}
}

// Change holds an object before and after one revision. Prev is nil for a new object, and
// Next for a deleted one.
type Change struct {
	Name       record.Name
	Prev, Next Item

	rendered [2]struct {
		sync.Mutex
		object any // a weak.Pointer
	}
}

// Form selects one of the two objects that a watch may send for one change.
type Form int

// The forms of a change.
const (
	// Present is the object after the change.
	Present Form = iota
	// Gone is the object before the change, as sent in a DELETED event.
	Gone
)

// Rendered returns the object in the given form. The first caller builds it, and all
// watches that send it at about the same time share it. An error is not kept.
//
// The change holds the object only weakly: with its encodings, a GitRepo takes megabytes,
// and the history has one for each report. Rendered may be called concurrently.
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

// Len returns the number of objects of a resource.
func (v *View) Len(resource string) int { return v.tables.of(resource).len() }

// All iterates over a resource in order, starting at a name.
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

// At returns the state at an earlier revision. It fails with ErrCompacted or ErrFuture.
func (v *View) At(revision int64) (*View, error) {
	switch {
	case revision == v.Revision:
		return v, nil
	case revision > v.Revision:
		return nil, ErrFuture
	case revision < v.Oldest:
		return nil, ErrCompacted
	}
	then := *v
	then.Revision, then.held = revision, History{}
	if i := v.after(revision); i < len(v.log) {
		// The first entry of the log is at the oldest revision, so i is not 0.
		then.tables, then.log = v.log[i-1].tables, v.log[:i]
	}
	return &then, nil
}

// Since returns the revisions after the given one. It fails with ErrCompacted if the log does
// not reach back that far.
func (v *View) Since(revision int64) ([]*Revision, error) {
	if revision < v.Oldest {
		return nil, ErrCompacted
	}
	return v.log[v.after(revision):], nil
}

// Exactly returns one revision with its changes. It returns nil if the revision made no
// changes or the log no longer holds it.
func (v *View) Exactly(revision int64) *Revision {
	i := v.after(revision - 1)
	if i < len(v.log) && v.log[i].At == revision {
		return v.log[i]
	}
	return nil
}

// loaded reports whether the log begins with the state loaded at the revision. The changes
// of that revision itself are unknown.
func (v *View) loaded(revision int64) bool {
	return v.log[0].At == revision && v.log[0].changes == nil
}

// after returns the index of the first revision in the log after the given one.
func (v *View) after(revision int64) int {
	i, _ := slices.BinarySearchFunc(v.log, revision+1, func(r *Revision, at int64) int { return cmp.Compare(r.At, at) })
	return i
}

// Placed holds the changes that one revision made to a resource in a scope, in order, with
// their places.
type Placed struct {
	Changes  []*Change
	Revision int64
	// all counts the objects of the resource that the revision changed, and follow those of
	// them that come after the last of Changes.
	all, follow int
}

// Version returns the version of the i-th change.
func (p Placed) Version(i int) Version {
	return before(p.Revision, p.follow+len(p.Changes)-1-i)
}

// after returns the changes that come after a version of the same revision.
func (p Placed) after(v Version) Placed {
	keep := v.follow(p.all) - p.follow
	p.Changes = p.Changes[max(0, len(p.Changes)-max(0, keep)):]
	return p
}

// Changes returns the revision's changes of a resource, in order. If namespace is not "", it
// returns only changes there; if name is not "" either, only that of that object.
func (r *Revision) Changes(resource, namespace, name string) []*Change {
	return r.Placed(resource, namespace, name).Changes
}

// Placed returns the same changes as Changes, with their places.
func (r *Revision) Placed(resource, namespace, name string) Placed {
	all := r.changes[resource]
	placed := func(from, to int) Placed {
		return Placed{Changes: all[from:to], Revision: r.At, all: len(all), follow: len(all) - to}
	}
	if namespace == "" && name == "" {
		return placed(0, len(all))
	}
	// Fast path: at each revision, 10,000 agents ask and only one of them has a change.
	if len(all) == 0 || all[len(all)-1].Name.Namespace < namespace || namespace < all[0].Name.Namespace {
		return Placed{}
	}
	from, _ := slices.BinarySearchFunc(all, namespace, func(c *Change, ns string) int { return cmp.Compare(c.Name.Namespace, ns) })
	to, _ := slices.BinarySearchFunc(all, namespace+"\x00", func(c *Change, ns string) int { return cmp.Compare(c.Name.Namespace, ns) })
	if name == "" {
		return placed(from, to)
	}
	for i, c := range all[from:to] {
		if c.Name.Name == name {
			return placed(from+i, from+i+1)
		}
	}
	return Placed{}
}
