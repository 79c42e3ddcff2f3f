// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// following returns the loop that notes what BundleDeployments need, and adds to the queue
// those whose needs change.
func (d *Downstream) following() *follow.Loop {
	return &follow.Loop{
		Source: d.Engine, Resources: []string{record.BundleDeployments}, Whole: d.noteAll, Every: again,
		Changed: func(_ *view.View, revisions []*view.Revision) {
			for _, change := range follow.Changes(revisions, record.BundleDeployments) {
				next := needOf(change.Next)
				if d.noteOne(change.Name, next) || next == nil && counted(change.Prev) {
					d.queue.Add(change.Name)
				}
			}
		},
	}
}

// noteOne notes what one BundleDeployment needs, and returns false if that was known. It
// adds the others that need the same names: one of them may be waiting for a name.
func (d *Downstream) noteOne(name record.Name, next *need) bool {
	changed, beside := d.needs.set(name, next)
	for _, other := range beside {
		d.queue.Add(other)
	}
	return changed
}

// counted reports whether a BundleDeployment has a record of copies, which goes with it.
func counted(item view.Item) bool {
	bd, ok := item.(*view.BundleDeployment)
	return ok && bd != nil && bd.Downstream != 0
}

func (d *Downstream) noteAll(v *view.View) {
	for _, name := range d.needs.names() {
		if v.Get(record.BundleDeployments, name) == nil {
			d.noteOne(name, nil)
		}
	}
	for item := range v.All(record.BundleDeployments, record.Name{}) {
		next := needOf(item)
		d.noteOne(item.Name(), next)
		if next != nil {
			d.queue.Add(item.Name())
		}
	}
	if names, err := d.Engine.WithCopies(); err == nil {
		for _, name := range names {
			d.queue.Add(name)
		}
	}
}
