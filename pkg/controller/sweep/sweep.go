// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Source is the part of the engine that a sweep needs.
type Source interface {
	follow.Source
	Barrier(ctx context.Context) (*view.View, error)
	// Stats counts the records that cannot be decoded, among others.
	Stats() engine.Stats
	// Unused finds unused records, some at a time.
	Unused(each func(unused []engine.UnusedRecord, revision int64) bool) error
	// StillUnused returns the given records that are unused now.
	StillUnused(keys []record.Key) (unused []engine.UnusedRecord, revision int64, err error)
	// ContentsInUse returns the contents to which something refers at a revision.
	ContentsInUse() (ids map[string]struct{}, revision int64, err error)
}

// Log is where records and contents are removed.
type Log interface {
	Commit(ctx context.Context, txn etcd.Txn) (revision int64, ok bool, err error)
	ContentIDs(ctx context.Context) ([]string, error)
}

// Options of a Sweep.
type Options struct {
	// Every is the time between two sweeps, and Pause the time between two transactions.
	Every, Pause time.Duration
	// Grace is the time for which a content is kept to which nothing refers.
	Grace time.Duration
}

// DefaultOptions returns the options of a production system.
func DefaultOptions() Options {
	return Options{Every: 10 * time.Minute, Pause: 100 * time.Millisecond, Grace: 15 * time.Minute}
}

const (
	// batch is the number of records that one transaction removes; each is guarded.
	batch = etcd.MaxGuards - 8
	// contentBatch is the number of contents that one transaction removes: with the default
	// pause, at most 500 in a second.
	contentBatch = 50
	// tries is the number of attempts to remove a batch, after conflicts. The next sweep finds
	// the rest again.
	tries = 10
)

// Sweep is the controller.
type Sweep struct {
	source  Source
	log     Log
	options Options
	// unused says since when each content is known to be unused. A restart forgets that, which
	// keeps contents for longer.
	unused  map[string]time.Time
	changes *follow.Loop
}

// New returns the controller over a running engine and its log.
func New(source Source, log Log, options Options) *Sweep {
	s := &Sweep{source: source, log: log, options: options, unused: map[string]time.Time{}}
	s.changes = s.following()
	return s
}

// Run sweeps until the context ends.
func (s *Sweep) Run(ctx context.Context) error {
	for {
		if err := s.Once(ctx); err != nil {
			return err
		}
		if err := s.wait(ctx, s.options.Every); err != nil {
			return err
		}
	}
}

// Once sweeps once.
func (s *Sweep) Once(ctx context.Context) error {
	// A sweep needs a recent view, also after a restart. The guards would refuse removals by an
	// old one.
	if _, err := s.source.Barrier(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if n := s.source.Stats().UndecodableNow; n > 0 {
		klog.InfoS("Sweeps nothing while there are records that cannot be decoded, since they may refer to what seems unused: run the version that wrote them, or remove them; the log names each", "undecodable", n)
		return nil
	}
	removed, err := s.records(ctx)
	if err != nil {
		return fmt.Errorf("sweep records: %w", err)
	}
	contents, err := s.contents(ctx)
	if err != nil {
		return fmt.Errorf("sweep contents: %w", err)
	}
	if removed+contents > 0 {
		klog.InfoS("Removed what nothing needs any more", "records", removed, "contents", contents)
	}
	return nil
}

func (s *Sweep) records(ctx context.Context) (removed int, err error) {
	found := s.source.Unused(func(unused []engine.UnusedRecord, _ int64) bool {
		for some := range slices.Chunk(unused, batch) {
			keys := make([]record.Key, 0, len(some))
			for _, d := range some {
				keys = append(keys, d.Key)
			}
			var did int
			did, err = s.remove(ctx, keys)
			removed += did
			if err != nil {
				return false
			}
		}
		return true
	})
	return removed, errors.Join(found, err)
}

// remove removes the given records that are unused now.
func (s *Sweep) remove(ctx context.Context, keys []record.Key) (int, error) {
	return s.persist(ctx, func() (etcd.Txn, int, error) {
		unused, revision, err := s.source.StillUnused(keys)
		return removal(unused, revision), len(unused), err
	}, aRecord)
}

// removal returns the transaction that removes unused records, if nothing changed since the
// revision that could make one needed.
func removal(unused []engine.UnusedRecord, revision int64) etcd.Txn {
	txn := etcd.Txn{
		Unchanged: map[record.Key]int64{},
		NotAfter:  map[record.Key]int64{record.TargetingGuardKey(): revision, record.VersionsGuardKey(): revision},
		UnchangedSince: []etcd.RangeGuard{
			{Resource: record.Clusters, Revision: revision},
			{Resource: record.Bundles, Revision: revision},
		},
	}
	for _, d := range unused {
		txn.Unchanged[d.Key] = d.Revision
		txn.Delete = append(txn.Delete, d.Key)
	}
	return txn
}

// persist commits the removal that look returns, and looks again after a conflict: where
// Clusters are edited all the time, a look is outdated after a pause.
func (s *Sweep) persist(ctx context.Context, look func() (etcd.Txn, int, error), what string) (int, error) {
	for range tries {
		v, err := s.source.Barrier(ctx)
		if err != nil {
			return 0, err
		}
		s.changes.See(v)
		txn, n, err := look()
		if err != nil || n == 0 {
			return 0, err
		}
		_, ok, err := s.log.Commit(ctx, txn)
		if err != nil {
			return 0, err
		}
		if err := s.wait(ctx, s.options.Pause); err != nil {
			return 0, err
		}
		if ok {
			swept.WithLabelValues(what).Add(float64(n))
			return n, nil
		}
	}
	return 0, nil
}

// contents removes the contents that have been unused for the time of grace.
func (s *Sweep) contents(ctx context.Context) (removed int, err error) {
	// The list comes first: a content that is written later is not in it, and the view after
	// the list shows the Bundle with which a listed content was written.
	stored, err := s.log.ContentIDs(ctx)
	if err != nil {
		return 0, err
	}
	v, err := s.source.Barrier(ctx)
	if err != nil {
		return 0, err
	}
	s.changes.See(v)
	used, _, err := s.source.ContentsInUse()
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(s.due(stored, used, time.Now()), contentBatch) {
		did, err := s.persist(ctx, func() (etcd.Txn, int, error) {
			used, revision, err := s.source.ContentsInUse()
			ids := s.stillDue(some, used)
			return etcd.Txn{UnchangedSince: []etcd.RangeGuard{{Resource: record.Bundles, Revision: revision}}, DeleteContent: ids}, len(ids), err
		}, aContent)
		if err != nil {
			return removed, err
		}
		removed += did
	}
	return removed, nil
}

// stillDue returns the given contents that have not been used meanwhile.
func (s *Sweep) stillDue(ids []string, used map[string]struct{}) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		_, inUse := used[id]
		_, unused := s.unused[id]
		return inUse || !unused
	})
}

// due returns the stored contents that have been unused for the time of grace, and notes
// since when the others are unused.
func (s *Sweep) due(stored []string, used map[string]struct{}, now time.Time) []string {
	var due []string
	since := s.unused
	s.unused = map[string]time.Time{}
	for _, id := range stored {
		if _, ok := used[id]; ok {
			continue
		}
		at, ok := since[id]
		if !ok {
			at = now
		}
		s.unused[id] = at
		if now.Sub(at) >= s.options.Grace {
			due = append(due, id)
		}
	}
	return due
}

// following returns the loop that begins the time of grace again for each content to which a
// Bundle refers, or referred before a change. Only writes of Bundles use contents, so it follows
// nothing else, and no use is too short to be seen.
func (s *Sweep) following() *follow.Loop {
	return &follow.Loop{
		Source: s.source, Resources: []string{record.Bundles},
		Whole: func(*view.View) { clear(s.unused) },
		Changed: func(_ *view.View, revisions []*view.Revision) {
			for _, change := range follow.Changes(revisions, record.Bundles) {
				for _, item := range []view.Item{change.Prev, change.Next} {
					if object, ok := item.(*view.Object); ok {
						delete(s.unused, object.Record.Content)
					}
				}
			}
		},
	}
}

// wait waits, and notes meanwhile which contents are used.
func (s *Sweep) wait(ctx context.Context, d time.Duration) error {
	waiting, stop := context.WithTimeout(ctx, d)
	defer stop()
	_ = s.changes.Run(waiting)
	return ctx.Err()
}
