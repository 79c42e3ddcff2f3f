// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"
	"time"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Limits bounds the history that a view holds; the limit that is met first applies. The
// oldest revisions are forgotten first, and the newest one never is.
type Limits struct {
	// Revisions limits the revisions in the log, Changes the changes of all of them.
	Revisions, Changes int
	// Bytes limits the memory that only the log keeps alive, not the current state. It is
	// compared with an estimate (see weight); 0 means no limit.
	Bytes int64
	// Window limits how long a revision is held; 0 means for ever.
	Window time.Duration
}

// History says how much the log of a view holds.
type History struct {
	Revisions, Changes int
	// Bytes estimates the memory that only the log keeps alive.
	Bytes int64
}

// The parts of the estimate, as measured, in bytes.
const (
	// nodeWeight is the size of a half-full B-tree node of this degree.
	nodeWeight = 400
	// fanOut is the number of items, and of children, in such a node.
	fanOut = 11
	// changeWeight is the size of a change with its place in the log, and of one item
	// without the values that it refers to.
	changeWeight = 450
	// revisionWeight is the size of an entry of the log.
	revisionWeight = 900
	// statusWeight is the size of a replaced roll-up. For label edits that move one
	// BundleDeployment on a Cluster with 100, the roll-ups of a Bundle and a Cluster
	// together took 4 KB (BenchmarkHistory of the engine).
	statusWeight = 2000
	// expansion is the size of a decoded record divided by that of its encoding, as
	// measured for a report of many resources.
	expansion = 3
)

// weight estimates the memory that a revision keeps alive and the current state does not:
// the tree nodes that it copied, and the values that replaced items referred to.
func (b *Builder) weight(r *Revision) int64 {
	total := int64(revisionWeight)
	var gone map[*derive.Content]bool // contents that no BundleDeployment has any more
	for resource, changes := range r.changes {
		n := b.tables.of(resource).len() + len(changes)
		nodes := copied(len(changes), runs(changes), n)
		if resource == record.BundleDeployments {
			nodes += copied(len(changes), bundles(changes), n) // their other order
		}
		total += int64(nodes)*nodeWeight + int64(len(changes))*changeWeight
		for _, c := range changes {
			if c.Prev != nil {
				total += int64(c.Prev.replaced(c.Next))
				switch prev := c.Prev.(type) {
				case *Object:
					if next, ok := c.Next.(*Object); prev.Derived.Status != nil && (!ok || next.Derived.Status != prev.Derived.Status) {
						total += statusWeight
					}
				case *BundleDeployment:
					for _, content := range prev.contents() {
						if content == nil || b.uses[content] > 0 || gone[content] {
							continue
						}
						if gone == nil {
							gone = map[*derive.Content]bool{}
						}
						gone[content] = true
						total += int64(expansion * content.Size())
					}
				}
			}
		}
	}
	return total
}

// copied estimates how many nodes some changes copy in a tree of n items. The changes form
// the given number of runs of neighbours.
func copied(changes, runs, n int) int {
	nodes := 0
	for {
		n, changes = n/fanOut, changes/fanOut
		nodes += min(runs+changes, n+1)
		if n == 0 {
			return nodes
		}
	}
}

// runs counts the namespaces in changes, which are ordered by name.
func runs(changes []*Change) int {
	n := 0
	for i, c := range changes {
		if i == 0 || changes[i-1].Name.Namespace != c.Name.Namespace {
			n++
		}
	}
	return n
}

// bundles counts the Bundles whose BundleDeployments changed.
func bundles(changes []*Change) int {
	of := map[record.Name]struct{}{}
	for _, c := range changes {
		for _, item := range []Item{c.Prev, c.Next} {
			if pair, ok := item.(*BundleDeployment); ok {
				of[record.Name{Namespace: pair.Bundle.Bundle.Namespace, Name: pair.Bundle.Bundle.Name}] = struct{}{}
			}
		}
	}
	return len(of)
}

// replaced returns the size of the decoded records that only the object refers to, and its
// next state does not.
func (o *Object) replaced(next Item) int {
	is, _ := next.(*Object)
	size := 0
	if o.Record != nil && (is == nil || is.Record != o.Record) {
		size += o.Record.Size
	}
	if o.Report != nil && (is == nil || is.Report != o.Report) {
		size += o.Report.Size
	}
	return expansion * size
}

// replaced returns the size of the report if the next state has another one. The records
// of the Bundle and the Cluster are counted with their own changes.
func (b *BundleDeployment) replaced(next Item) int {
	is, _ := next.(*BundleDeployment)
	if b.Report == nil || (is != nil && is.Report == b.Report) {
		return 0
	}
	return b.Report.size()
}

func (b *Builder) remember(r *Revision) {
	r.weight, r.seen = b.weight(r), b.now()
	b.log = append(b.log, r)
	b.held.add(r, 1)
	b.forget(r.seen)
}

func (h *History) add(r *Revision, sign int) {
	h.Changes += sign * r.size()
	h.Bytes += int64(sign) * r.weight
}

// forget drops revisions over the limits, but never the newest entry: a watch from the one
// before it still gets its changes. The new first entry remains as a state to start from,
// but its changes are no longer available.
func (b *Builder) forget(now time.Time) {
	first := 0
	for first < len(b.log)-2 && b.over(len(b.log)-first, b.log[first+1], now) {
		first++
		b.held.add(b.log[first], -1)
	}
	if first == 0 {
		return
	}
	b.log, b.dropped = b.log[first:], b.dropped+first
	if b.dropped > len(b.log)/8 {
		// The array still keeps forgotten entries alive.
		b.log, b.dropped = slices.Clone(b.log), 0
	}
	b.oldest = b.log[0].At
}

// over reports whether a log with that many entries exceeds a limit. The given revision is
// the oldest one whose changes a watch can still get.
func (b *Builder) over(entries int, oldest *Revision, now time.Time) bool {
	l := b.limits
	return entries > l.Revisions || b.held.Changes > l.Changes ||
		(l.Bytes > 0 && b.held.Bytes > l.Bytes) ||
		(l.Window > 0 && now.Sub(oldest.seen) > l.Window)
}

func (r *Revision) size() int {
	n := 0
	for _, changes := range r.changes {
		n += len(changes)
	}
	return n
}

// History returns how much the log holds.
func (v *View) History() History {
	h := v.held
	h.Revisions = len(v.log)
	return h
}
