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

// Source is the engine, as far as a sweep needs it.
type Source interface {
	follow.Source
	Barrier(ctx context.Context) (*view.View, error)
	// Stats tell whether all records can be decoded.
	Stats() engine.Stats
	// Dead finds records that rule nothing, a piece at a time.
	Unused(each func(dead []engine.UnusedRecord, revision int64) bool) error
	// StillUnused are those of some records that rule nothing at present.
	StillUnused(keys []record.Key) (dead []engine.UnusedRecord, revision int64, err error)
	// ContentsInUse are the manifests that something refers to at a revision.
	ContentsInUse() (ids map[string]struct{}, revision int64, err error)
}

// Log is where records are removed, and contents.
type Log interface {
	Commit(ctx context.Context, txn etcd.Txn) (revision int64, ok bool, err error)
	ContentIDs(ctx context.Context) ([]string, error)
}

var (
	_ Source = (*engine.Engine)(nil)
	_ Log    = (*etcd.Log)(nil)
)

// Options say when to sweep.
type Options struct {
	// Every is the time between two sweeps, Pause that between two transactions.
	Every, Pause time.Duration
	// Grace is how long a content is kept that nothing refers to.
	Grace time.Duration
}

// DefaultOptions are those of a running system.
func DefaultOptions() Options {
	return Options{Every: 10 * time.Minute, Pause: 100 * time.Millisecond, Grace: 15 * time.Minute}
}

const (
	// batch is how many records one transaction removes; each is guarded.
	batch = etcd.MaxGuards - 8
	// contentBatch is how many contents one transaction removes: with the default pause,
	// 500 in a second at most.
	contentBatch = 50
	// tries is how often a batch is looked at anew after a conflict. What is left is
	// found again by the next sweep.
	tries = 10
)

// Sweep is the controller.
type Sweep struct {
	source  Source
	log     Log
	options Options
	// unused is since when contents have been found of no use. A restart begins anew,
	// which keeps them for longer.
	unused map[string]time.Time
	// changes notes which contents are put to use.
	changes *follow.Loop
}

// New returns the controller over a running engine and its log.
func New(source Source, log Log) *Sweep { return NewWithOptions(source, log, DefaultOptions()) }

// NewWithOptions is New with other times.
func NewWithOptions(source Source, log Log, options Options) *Sweep {
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
	// What was committed before is looked at: a restart does not sweep by a view of
	// long ago. The guards would refuse it anyway.
	if _, err := s.source.Barrier(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if n := s.source.Stats().UndecodableNow; n > 0 {
		klog.InfoS("Sweeps nothing while there are records that cannot be decoded, since they may refer to what seems to be of no use: run the version that wrote them, or remove them; the log names each", "undecodable", n)
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
		klog.InfoS("Swept what nothing needs any more", "records", removed, "contents", contents)
	}
	return nil
}

func (s *Sweep) records(ctx context.Context) (removed int, err error) {
	found := s.source.Unused(func(dead []engine.UnusedRecord, _ int64) bool {
		for some := range slices.Chunk(dead, batch) {
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

// remove removes records that are dead at present, unless something changes meanwhile
// that could bring one of them to life: then they are looked at anew.
func (s *Sweep) remove(ctx context.Context, keys []record.Key) (int, error) {
	return s.persist(ctx, func() (etcd.Txn, int, error) {
		dead, revision, err := s.source.StillUnused(keys)
		return removal(dead, revision), len(dead), err
	}, "record")
}

// removal removes dead records, if what they were found dead by is still so.
func removal(dead []engine.UnusedRecord, revision int64) etcd.Txn {
	txn := etcd.Txn{
		Unchanged: map[record.Key]int64{},
		NotAfter:  map[record.Key]int64{record.TargetingGuardKey(): revision, record.VersionsGuardKey(): revision},
		UnchangedSince: []etcd.RangeGuard{
			{Resource: record.Clusters, Revision: revision},
			{Resource: record.Bundles, Revision: revision},
		},
	}
	for _, d := range dead {
		txn.Unchanged[d.Key] = d.Revision
		txn.Delete = append(txn.Delete, d.Key)
	}
	return txn
}

// persist commits what look finds to be removed, and looks anew after a conflict: where
// Clusters are edited all the time, what was seen a pause ago does not hold any more.
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

// contents removes the contents that have been of no use for long enough.
func (s *Sweep) contents(ctx context.Context) (removed int, err error) {
	// Which contents there are comes first: one that is new since is not listed, and
	// one that is listed and was of use when it was written is in use by then.
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
			return etcd.Txn{
				UnchangedSince: []etcd.RangeGuard{{Resource: record.Bundles, Revision: revision}},
				DeleteContent:  ids,
			}, len(ids), err
		}, "content")
		if err != nil {
			return removed, err
		}
		removed += did
	}
	return removed, nil
}

// stillDue are those of contents that have not come to be of use meanwhile.
func (s *Sweep) stillDue(ids []string, used map[string]struct{}) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		_, inUse := used[id]
		_, unused := s.unused[id]
		return inUse || !unused
	})
}

// due are those of the contents that have been of no use for the time of grace, and
// keeps the time for the others.
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

// following returns the loop that gives a whole grace again to what Bundles refer to, or
// did before a change. Only a write of a Bundle puts a content to use, so nothing else is
// to be looked at, and no use is too short to be seen.
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

// wait waits, and notes meanwhile which contents are put to use.
func (s *Sweep) wait(ctx context.Context, d time.Duration) error {
	waiting, stop := context.WithTimeout(ctx, d)
	defer stop()
	_ = s.changes.Run(waiting)
	return ctx.Err()
}
