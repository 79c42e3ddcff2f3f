// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/garbage"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state"
)

// load loads an earlier state than the current one. The replay of the revisions between them
// makes history.
func (e *Engine) load(ctx context.Context, present, behind int64) error {
	at, err := e.furthestBack(ctx, present, behind)
	if err != nil {
		return err
	}
	if v := e.current.Load(); v != nil {
		at = max(at, v.Revision) // what was published does not go backwards
	}
	all, err := e.everything(ctx, at)
	if (errors.Is(err, etcd.ErrUndecryptable) || errors.Is(err, record.ErrNewer)) && at < present {
		at = present // as passUndecryptableHistory does
		all, err = e.everything(ctx, at)
	}
	known := err == nil && at >= present
	if known {
		all, err = e.unchanged(ctx, all)
	}
	if err != nil {
		return fmt.Errorf("load the log: %w", err)
	}
	at = all.Revision
	loading := state.New(e.options.History, e.planner, &e.totals.undecodable)
	loading.Begin(all, known)
	e.state.Lock()
	e.state.State = loading
	e.state.Unlock()
	e.progress.reached.Store(at)
	e.totals.loads.Add(1)
	klog.InfoS("Loaded the log", "revision", at, "present", present, "records", all.Read)
	return nil
}

// unchanged returns the state at a new revision that changes nothing. The changes of the
// loaded revision itself are not known, and a client that received only some of them could
// not continue. And if a state is built anew because it was wrong, its objects need other
// resourceVersions.
func (e *Engine) unchanged(ctx context.Context, all *state.Loaded) (*state.Loaded, error) {
	if all.Revision <= 1 {
		return all, nil // nothing has ever been written
	}
	next, err := e.log.Advance(ctx)
	if err == nil && next != all.Revision+1 {
		return e.everything(ctx, next) // another write came in between
	}
	all.Revision = next
	return all, err
}

// everything reads all of the log at a revision.
func (e *Engine) everything(ctx context.Context, at int64) (*state.Loaded, error) {
	defer garbage.Reading()()
	return e.records(ctx, at, nil)
}

// furthestBack returns the revision to load: as far back as wanted, or as compaction permits.
func (e *Engine) furthestBack(ctx context.Context, present, behind int64) (int64, error) {
	wanted := max(present-behind, 1)
	if wanted >= present {
		return present, nil
	}
	if held, err := e.log.Holds(ctx, wanted); err != nil || held {
		return wanted, err
	}
	gone, held := wanted, present
	for gone+1 < held {
		middle := gone + (held-gone)/2
		is, err := e.log.Holds(ctx, middle)
		switch {
		case err != nil:
			return 0, err
		case is:
			held = middle
		default:
			gone = middle
		}
	}
	return held, nil
}

// passUndecryptableHistory loads the current revision, if it can be opened: the revisions
// before it may be encrypted with a key that it no longer needs. Otherwise the state remains
// at the last whole revision, to continue from there when the key is known.
func (e *Engine) passUndecryptableHistory(ctx context.Context) {
	if present, err := e.present(ctx); err == nil {
		_ = e.load(ctx, present, 0) // the error of the watch says what is wrong
	}
}

// records reads all records of the log at a revision, or only those that are needed.
func (e *Engine) records(ctx context.Context, at int64, needed func(*etcd.Record) bool) (*state.Loaded, error) {
	all := state.NewLoaded(at)
	err := e.log.Load(ctx, at, func(r etcd.Record) {
		if needed == nil || needed(&r) {
			all.Add(r)
		}
	})
	all.Decode()
	return all, err
}
