// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Source is the engine, as far as a sweep needs it.
type Source interface {
	Barrier(ctx context.Context) (*view.View, error)
	// Stats tell whether all records can be decoded.
	Stats() engine.Stats
	// Dead finds records that rule nothing, a piece at a time.
	Dead(each func(dead []engine.DeadRecord, revision int64) bool) error
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

// batch is how many records one transaction removes; each is guarded.
const batch = etcd.MaxGuards - 8

// Sweep is the controller.
type Sweep struct {
	source  Source
	log     Log
	options Options
	// unused is since when contents have been found of no use. A restart begins anew,
	// which keeps them for longer.
	unused map[string]time.Time
}

// New returns the controller over a running engine and its log.
func New(source Source, log Log) *Sweep { return NewWithOptions(source, log, DefaultOptions()) }

// NewWithOptions is New with other times.
func NewWithOptions(source Source, log Log, options Options) *Sweep {
	return &Sweep{source: source, log: log, options: options, unused: map[string]time.Time{}}
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
	found := s.source.Dead(func(dead []engine.DeadRecord, revision int64) bool {
		for len(dead) > 0 && err == nil {
			n := min(len(dead), batch)
			var did int
			did, err = s.remove(ctx, dead[:n], revision)
			removed += did
			dead = dead[n:]
		}
		return err == nil
	})
	return removed, errors.Join(found, err)
}

// remove removes dead records, unless something changed that could bring one of
// them to life. Those are found again by the next sweep.
func (s *Sweep) remove(ctx context.Context, dead []engine.DeadRecord, revision int64) (int, error) {
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
	_, ok, err := s.log.Commit(ctx, txn)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, s.wait(ctx, s.options.Pause)
	}
	swept.WithLabelValues("record").Add(float64(len(dead)))
	return len(dead), s.wait(ctx, s.options.Pause)
}

// contents removes the contents that have been of no use for long enough.
func (s *Sweep) contents(ctx context.Context) (int, error) {
	// Which contents there are comes first: one that is new since is not listed, and
	// one that is listed and was of use when it was written is in use by then.
	stored, err := s.log.ContentIDs(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := s.source.Barrier(ctx); err != nil {
		return 0, err
	}
	used, revision, err := s.source.ContentsInUse()
	if err != nil {
		return 0, err
	}
	due := s.due(stored, used, time.Now())
	if len(due) > batch {
		due = due[:batch] // the rest with the next sweep
	}
	if len(due) == 0 {
		return 0, nil
	}
	_, ok, err := s.log.Commit(ctx, etcd.Txn{
		UnchangedSince: []etcd.RangeGuard{{Resource: record.Bundles, Revision: revision}},
		DeleteContent:  due,
	})
	if err != nil || !ok {
		return 0, err
	}
	for _, id := range due {
		delete(s.unused, id)
	}
	swept.WithLabelValues("content").Add(float64(len(due)))
	return len(due), nil
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

func (s *Sweep) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
