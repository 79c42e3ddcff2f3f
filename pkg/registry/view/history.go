// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"
	"time"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Limits bound how much history a view holds, whichever is met first. What is oldest
// is forgotten first, and the newest revision never.
type Limits struct {
	// Revisions is how many revisions the log holds.
	Revisions int
	// Changes is how many changes the log holds, over all its revisions.
	Changes int
	// Bytes is how much memory the log may keep alive that the present state does not,
	// by an estimate (see weight); 0 is without limit.
	Bytes int64
	// Window is for how long a revision is held; 0 is for ever.
	Window time.Duration
}

// History is what the log of a view holds.
type History struct {
	Revisions, Changes int
	// Bytes is an estimate of the memory.
	Bytes int64
}

// What the estimate goes by, in bytes, as measured.
const (
	// nodeWeight is a node of a B-tree of this degree, items and children half full.
	nodeWeight = 400
	// fanOut is how many items and children such a node has.
	fanOut = 11
	// changeWeight is a change with its place in the log, and an item without what it
	// refers to.
	changeWeight = 450
	// revisionWeight is an entry of the log.
	revisionWeight = 900
	// statusWeight is a roll-up that was replaced. Of label edits that move one
	// BundleDeployment on a Cluster of 100, a Bundle's and a Cluster's together were
	// measured as 4 KB (BenchmarkHistory of the engine).
	statusWeight = 2000
	// expansion is how much more memory a decoded record takes than its encoding. Of a
	// report of many resources it was measured as 3.
	expansion = 3
)

// weight estimates what a revision keeps alive that the next one does not share: the
// nodes of the trees that were copied, and what items referred to before it.
func (b *Builder) weight(r *Revision) int64 {
	total := int64(revisionWeight)
	var gone map[*derive.Content]struct{} // contents that no BundleDeployment has any more
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
						if content == nil || b.uses[content] > 0 {
							continue
						}
						if _, counted := gone[content]; counted {
							continue
						}
						if gone == nil {
							gone = map[*derive.Content]struct{}{}
						}
						gone[content] = struct{}{}
						total += int64(expansion * content.Size())
					}
				}
			}
		}
	}
	return total
}

// copied is how many nodes of a tree of n items some changes copy, of which there are so
// many runs of neighbours.
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

// runs counts the namespaces in changes, which are in the order of names.
func runs(changes []*Change) int {
	n := 0
	for i, c := range changes {
		if i == 0 || changes[i-1].Name.Namespace != c.Name.Namespace {
			n++
		}
	}
	return n
}

// bundles counts the Bundles that changes of BundleDeployments are of.
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

// replaced is how much memory the decoded records take that an object refers to and the
// next one does not.
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

// replaced is how much memory the report takes, if the next one has another. A Bundle's
// and a Cluster's own records are counted with their change.
func (b *BundleDeployment) replaced(next Item) int {
	is, _ := next.(*BundleDeployment)
	if b.Report == nil || (is != nil && is.Report == b.Report) {
		return 0
	}
	return b.Report.size()
}

// remember adds a revision to the log, and forgets what is over the limits.
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

// forget drops what is over the limits, but never the newest entry, whose changes
// watches of the one before it get. The entry
// that becomes the first stays as a state to start from; its changes are beyond
// the oldest revision.
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
		// The array has what was forgotten, too.
		b.log, b.dropped = slices.Clone(b.log), 0
	}
	b.oldest = b.log[0].At
}

// over tells whether a log of so many entries has too much, the oldest of its
// revisions that a watch gets changes of being the one given.
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

// History is what the log holds.
func (v *View) History() History {
	h := v.held
	h.Revisions = len(v.log)
	return h
}
