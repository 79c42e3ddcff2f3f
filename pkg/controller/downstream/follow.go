// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"time"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// follow puts into the queue what changes of BundleDeployments after a revision, and all
// of them now and then, and whenever the history does not reach back.
func (d *Downstream) follow(ctx context.Context, seen int64) {
	all := time.NewTicker(again)
	defer all.Stop()
	for {
		woken := d.Engine.Wait(engine.Scope{Resource: record.BundleDeployments})
		if v, err := d.Engine.Current(); err == nil {
			d.note(v, seen)
			seen = v.Revision
		}
		select {
		case <-ctx.Done():
			return
		case <-woken:
		case <-all.C:
			seen = -1
		}
	}
}

func (d *Downstream) note(v *view.View, seen int64) {
	revisions, err := v.Since(seen)
	if seen < 0 || seen > v.Revision || err != nil {
		d.noteAll(v)
		return
	}
	for _, revision := range revisions {
		for _, change := range revision.Changes(record.BundleDeployments, "", "") {
			next := needOf(change.Next)
			if d.noteOne(change.Name, next) || next == nil && counted(change.Prev) {
				d.queue.Add(change.Name)
			}
		}
	}
}

// noteOne notes what one BundleDeployment needs, and returns false if that was known. What
// it needs no more may be what another waits for.
func (d *Downstream) noteOne(name record.Name, next *need) bool {
	changed, beside := d.needs.set(name, next)
	for _, other := range beside {
		d.queue.Add(other)
	}
	return changed
}

// counted reports whether a BundleDeployment has a count, which dies with it.
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
