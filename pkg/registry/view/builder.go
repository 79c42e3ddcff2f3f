// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Builder makes the next view from the last one. It is not safe for concurrent use, but its
// views are.
type Builder struct {
	limits Limits
	tables tables
	frozen tables
	log    []*Revision
	oldest int64
	// held sums up the log after its first entry.
	held History
	// dropped counts the forgotten entries that still precede the log in its array.
	dropped int
	now     func() time.Time
	whole   int64
	unread  map[string]map[record.Name]struct{}
	// readSince belongs to unread: see SetUnread.
	readSince map[string]int64
	changes   map[string]map[record.Name]*Change
	// uses counts the uses of each content: a BundleDeployment has up to three contents.
	uses map[*derive.Content]int
	// touched holds what the revisions of the current block have changed: see skip_index.go.
	touched map[where]struct{}
	// dirty are the tables written since they were last frozen.
	dirty map[string]bool
}

// NewBuilder returns a builder of views without objects.
func NewBuilder(limits Limits) *Builder {
	return &Builder{limits: limits, tables: tables{}, changes: map[string]map[record.Name]*Change{}, dirty: map[string]bool{}, uses: map[*derive.Content]int{}, now: time.Now}
}

// Get returns an object as the next view will have it, or nil.
func (b *Builder) Get(resource string, name record.Name) Item { return b.tables.of(resource).get(name) }

// Object returns a stored object as the next view will have it, or nil.
func (b *Builder) Object(resource string, name record.Name) *Object {
	if item := b.Get(resource, name); item != nil {
		return item.(*Object)
	}
	return nil
}

// All iterates in order over a resource as the next view will have it, starting at a
// name. The caller must not put or delete anything meanwhile.
func (b *Builder) All(resource string, from record.Name) iter.Seq[Item] {
	return b.tables.of(resource).from(from)
}

// Put sets an object in the next view.
func (b *Builder) Put(resource string, item Item) { b.set(resource, item.Name(), item) }

// Delete removes an object from the next view.
func (b *Builder) Delete(resource string, name record.Name) { b.set(resource, name, nil) }

// Unloaded reports whether Load has not run yet. Until then, Put records no change.
func (b *Builder) Unloaded() bool { return len(b.log) == 0 }

// Fill puts BundleDeployments into an empty table, before the load. The caller passes them
// in both orders of the table: by the Cluster's namespace and then the Bundle's name, and
// by the Bundle and then the Cluster's namespace.
func (b *Builder) Fill(byName, byBundle []*BundleDeployment) {
	const resource = record.BundleDeployments
	if !b.Unloaded() || b.tables.of(resource).len() > 0 {
		panic("view: only a builder without BundleDeployments can be filled")
	}
	b.tables[resource], b.dirty[resource] = fullPairs(byName, byBundle), true
	for _, pair := range byBundle {
		b.use(pair, 1)
	}
}

func (b *Builder) set(resource string, name record.Name, next Item) {
	t := b.tables[resource]
	if t == nil {
		t = newTable(resource)
		b.tables[resource] = t
	}
	b.dirty[resource] = true
	var prev Item
	if next != nil {
		prev = t.put(next)
	} else {
		prev = t.remove(name)
	}
	b.use(prev, -1)
	b.use(next, 1)
	b.note(resource, name, prev, next)
}

// use adds n to the uses of an item's contents. Only history keeps an unused content alive.
func (b *Builder) use(item Item, n int) {
	pair, ok := item.(*BundleDeployment)
	if !ok {
		return
	}
	for _, content := range pair.contents() {
		if content == nil {
			continue
		}
		if b.uses[content] += n; b.uses[content] == 0 {
			delete(b.uses, content)
		}
	}
}

// note records a change. It merges all changes of an object in one revision into one.
func (b *Builder) note(resource string, name record.Name, prev, next Item) {
	if len(b.log) == 0 {
		return // before the load nothing is a change, and up to a million objects are put
	}
	changes := b.changes[resource]
	if changes == nil {
		changes = map[record.Name]*Change{}
		b.changes[resource] = changes
	}
	if c, ok := changes[name]; ok {
		c.Next = next
		if c.Prev == nil && next == nil {
			delete(changes, name)
		}
		return
	}
	if prev != nil || next != nil {
		changes[name] = &Change{Name: name, Prev: prev, Next: next}
	}
}

// Load makes the first view. Its state is everything put so far, without any changes.
func (b *Builder) Load(revision int64) *View {
	clear(b.changes)
	for _, t := range b.tables {
		t.pack()
	}
	// The state at the load has an entry of its own, so that lists at exactly that revision
	// can be served after the next one.
	b.log = []*Revision{{At: revision, tables: b.freeze()}}
	b.held, b.dropped, b.oldest, b.touched = History{}, 0, revision, map[where]struct{}{}
	return b.view(revision)
}

// LoadUnchanged makes the first view, like Load, at a revision that changed nothing.
func (b *Builder) LoadUnchanged(revision int64) *View {
	v := b.Load(revision)
	b.log[0].changes = map[string][]*Change{}
	return v
}

// Next makes the view at a revision from the puts and deletes since the last view. A
// revision without changes leaves no entry in the log.
func (b *Builder) Next(revision int64) *View {
	if n := len(b.log); n > 0 && b.log[n-1].At >= revision {
		panic(fmt.Sprintf("view: revision %d follows %d", revision, b.log[n-1].At))
	}
	r := &Revision{At: revision, changes: map[string][]*Change{}}
	n := 0
	for resource, changes := range b.changes {
		if len(changes) == 0 {
			continue
		}
		r.changes[resource] = slices.SortedFunc(maps.Values(changes), func(a, b *Change) int { return a.Name.Compare(b.Name) })
		n += len(changes)
		b.place(r, resource)
	}
	clear(b.changes)
	if n > 0 {
		r.tables = b.freeze()
		b.count(r)
		b.remember(r)
	}
	return b.view(revision)
}

// place sets the versions of the objects that a revision changed. No view holds them yet.
func (b *Builder) place(r *Revision, resource string) {
	placed := r.Placed(resource, "", "")
	for i, c := range placed.Changes {
		if c.Next != nil {
			c.Next.place(placed.Version(i))
		}
	}
}

// SetWhole sets whether, at a revision, all facts are known that decide which
// BundleDeployments exist. Answers given before that point are unreliable.
func (b *Builder) SetWhole(is bool, revision int64) {
	switch {
	case !is:
		b.whole = Never
	case b.whole == Never:
		b.whole = revision
	}
}

// SetUnread sets the objects of each resource that could not be read, and the revision at
// which one of them last became readable. The caller must not write to the maps any more.
func (b *Builder) SetUnread(objects map[string]map[record.Name]struct{}, readSince map[string]int64) {
	b.unread, b.readSince = objects, readSince
}

// Reached makes a view that differs from the last one only in its revision.
func (b *Builder) Reached(revision int64) *View { return b.view(revision) }

func (b *Builder) view(revision int64) *View {
	return &View{Revision: revision, Oldest: b.oldest, Whole: b.whole, Unread: b.unread, ReadSince: b.readSince, held: b.held, tables: b.log[len(b.log)-1].tables, log: b.log[:len(b.log):len(b.log)]}
}

// freeze returns tables that later writes do not affect. It returns the same table again
// if nothing changed in it.
func (b *Builder) freeze() tables {
	frozen := maps.Clone(b.frozen)
	if frozen == nil {
		frozen = make(tables, len(b.tables))
	}
	for resource, t := range b.tables {
		_, known := frozen[resource]
		if b.dirty[resource] || !known {
			frozen[resource] = t.clone()
		}
	}
	clear(b.dirty)
	b.frozen = frozen
	return frozen
}

// Changes calls each with every object that changed since the last view.
func (b *Builder) Changes(each func(resource string, name record.Name)) {
	for resource, changes := range b.changes {
		for name := range changes {
			each(resource, name)
		}
	}
}
