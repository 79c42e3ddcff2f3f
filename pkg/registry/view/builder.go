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

// Builder makes the next view from the last one. Only the engine has one. It is
// not safe for concurrent use; the views that it makes are.
type Builder struct {
	limits Limits
	tables tables
	frozen tables
	log    []*Revision
	oldest int64
	// held is what the log holds, beyond its first entry.
	held History
	// dropped is how many entries the log's array has before its first.
	dropped int
	now     func() time.Time
	whole   int64
	unread  map[string]map[record.Name]struct{}
	// readSince goes with unread.
	readSince map[string]int64
	changes   map[string]map[record.Name]*Change
	// uses are how many BundleDeployments have a content, three times at most each.
	uses map[*derive.Content]int
	// touched holds what the revisions of the present block have changed: see skip_index.go.
	touched map[where]struct{}
	// dirty are the tables written since they were last frozen.
	dirty map[string]bool
}

// NewBuilder returns a builder of views without objects.
func NewBuilder(limits Limits) *Builder {
	return &Builder{limits: limits, tables: tables{}, changes: map[string]map[record.Name]*Change{}, dirty: map[string]bool{}, uses: map[*derive.Content]int{}, now: time.Now}
}

// Get returns an object as it will be in the next view, or nil.
func (b *Builder) Get(resource string, name record.Name) Item { return b.tables.of(resource).get(name) }

// Object is Get for a stored object.
func (b *Builder) Object(resource string, name record.Name) *Object {
	if item := b.Get(resource, name); item != nil {
		return item.(*Object)
	}
	return nil
}

// All iterates over a resource as it will be in the next view, in order, from a
// name on. Nothing may be put or deleted meanwhile.
func (b *Builder) All(resource string, from record.Name) iter.Seq[Item] {
	return b.tables.of(resource).from(from)
}

// Put sets an object in the next view.
func (b *Builder) Put(resource string, item Item) { b.set(resource, item.Name(), item) }

// Delete removes an object from the next view.
func (b *Builder) Delete(resource string, name record.Name) { b.set(resource, name, nil) }

// Unloaded tells that nothing was loaded yet: what is put is no change.
func (b *Builder) Unloaded() bool { return len(b.log) == 0 }

// Fill puts BundleDeployments into a table that has none, before the load. They come in
// the two orders of the table, by the Cluster's namespace and the Bundle's name, and by
// the Bundle and the Cluster's namespace.
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

// use counts the BundleDeployments that have a content: history alone keeps one alive
// that none has any more.
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

// note records a change; several of one object in one revision make one.
func (b *Builder) note(resource string, name record.Name, prev, next Item) {
	if len(b.log) == 0 {
		return // before the load nothing is a change, and there may be a million of them
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

// Load makes the first view: whatever was put so far is its state, and no
// change.
func (b *Builder) Load(revision int64) *View {
	clear(b.changes)
	for _, t := range b.tables {
		t.pack()
	}
	// The state at the load has an entry of its own, so that lists at exactly
	// that revision can be served after the next one.
	b.log = []*Revision{{At: revision, tables: b.freeze()}}
	b.held, b.dropped, b.oldest, b.touched = History{}, 0, revision, map[where]struct{}{}
	return b.view(revision)
}

// LoadUnchanged is Load at a revision that is known to have changed nothing.
func (b *Builder) LoadUnchanged(revision int64) *View {
	v := b.Load(revision)
	b.log[0].changes = map[string][]*Change{}
	return v
}

// Next makes the view at a revision out of what was put and deleted since the
// last one. A revision without changes leaves no entry in the log.
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
	told := r.Told(resource, "", "")
	for i, c := range told.Changes {
		if c.Next != nil {
			c.Next.place(told.Version(i))
		}
	}
}

// SetWhole tells whether all is known, at a revision, that decides which
// BundleDeployments there are. What readers were told before it became so is not to be
// relied on.
func (b *Builder) SetWhole(is bool, revision int64) {
	switch {
	case !is:
		b.whole = Never
	case b.whole == Never:
		b.whole = revision
	}
}

// SetUnread tells of which objects, by resource, nothing is known, and at which revision
// it last became known of one. The maps must not be written any more.
func (b *Builder) SetUnread(objects map[string]map[record.Name]struct{}, readSince map[string]int64) {
	b.unread, b.readSince = objects, readSince
}

// Reached makes a view that differs from the last one in nothing but its
// revision.
func (b *Builder) Reached(revision int64) *View { return b.view(revision) }

func (b *Builder) view(revision int64) *View {
	return &View{Revision: revision, Oldest: b.oldest, Whole: b.whole, Unread: b.unread, ReadSince: b.readSince, held: b.held, tables: b.log[len(b.log)-1].tables, log: b.log[:len(b.log):len(b.log)]}
}

// freeze returns tables that later writes leave alone. Those that did not change
// since the last time are the same.
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

// Changes iterates over the scopes, resource and namespace, that changed since
// the last view.
func (b *Builder) Changes(each func(resource string, name record.Name)) {
	for resource, changes := range b.changes {
		for name := range changes {
			each(resource, name)
		}
	}
}
