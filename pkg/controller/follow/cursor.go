// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"iter"

	"github.com/musterfleet/muster/pkg/registry/view"
)

// Cursor is how far a controller has read the log. The zero Cursor has read nothing.
type Cursor struct {
	begun bool
	at    int64
}

// Next moves the cursor to a view and returns the revisions since its last view. It
// returns false if the view does not hold all of these: then the caller has to look at the
// whole view.
func (c *Cursor) Next(v *view.View) (revisions []*view.Revision, ok bool) {
	last := *c
	*c = Cursor{begun: true, at: v.Revision}
	if !last.begun || last.at > v.Revision {
		return nil, false
	}
	revisions, err := v.Since(last.at)
	return revisions, err == nil
}

// Both returns an object before and after a change; false if the change created or deleted it.
func Both(change *view.Change) (prev, next *view.Object, ok bool) {
	prev, was := change.Prev.(*view.Object)
	next, is := change.Next.(*view.Object)
	return prev, next, was && is && prev != nil && next != nil
}

// Changes yields what revisions changed of some resources, each change with its resource.
// Within a revision, the resources come in the order of the arguments.
func Changes(revisions []*view.Revision, resources ...string) iter.Seq2[string, *view.Change] {
	return func(yield func(string, *view.Change) bool) {
		for _, revision := range revisions {
			for _, resource := range resources {
				for _, change := range revision.Changes(resource, "", "") {
					if !yield(resource, change) {
						return
					}
				}
			}
		}
	}
}
