// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// ErrRewound means that etcd's revision is lower than before. etcd was restored from a
// snapshot without a bump, or with one that is too small. Its next revisions will differ from
// those that clients know under the same numbers.
var ErrRewound = errors.New("etcd went back in time")

// ErrTooFar means that etcd's revision does not fit into a resourceVersion.
var ErrTooFar = errors.New("resourceVersions have room for revisions below 2^43")

// rewoundDelay is the wait before the next check whether etcd has passed the newest revision
// seen. Each check logs an error, because only an operator can end this.
const rewoundDelay = 5 * time.Second

// MarkMargin is by how many revisions a restored etcd must exceed the mark that a start finds.
// It is more than replicas can show between two records of the mark.
const MarkMargin = 100_000

// Mark is how far replicas have followed an etcd.
type Mark struct {
	// Cluster is the ID of the etcd cluster whose objects clients may see, 0 if no replica has
	// shown any.
	Cluster uint64
	// Revision is the newest revision that a replica is known to have seen.
	Revision int64
}

// lineage tracks whether etcd continues the history that it has shown before.
type lineage struct {
	// broken is the reason why it does not, nil while it does.
	broken atomic.Pointer[error]
	// stop ends the following of the log.
	stop atomic.Pointer[context.CancelCauseFunc]
	// lowest is the lowest revision that etcd may be at: clients know the revisions before it.
	// It is set before the start and when the engine leaves a cluster.
	lowest atomic.Int64
	closing
}

// expect makes the engine continue from what replicas remember.
func (e *Engine) expect(known Mark) {
	e.lineage.lowest.Store(known.Revision)
	e.lineage.accepted.Store(known.Cluster)
	e.log.Expect(known.Cluster)
}

// Mark returns how far this replica has followed etcd. It reports false while clients may not
// see the objects of the cluster that answers.
func (e *Engine) Mark() (Mark, bool) {
	mark := Mark{Cluster: e.log.Cluster(), Revision: e.pulse.Seen()}
	if v := e.current.Load(); v != nil {
		mark.Revision = max(mark.Revision, v.Revision)
	}
	return mark, e.Ready() == nil && e.log.Cluster() == mark.Cluster
}

// position reads etcd's revision by quorum. It breaks off if etcd continues another history
// than the state's.
func (e *Engine) position(ctx context.Context) (int64, error) {
	// Read this first: an answer is at least as new as what was known before the question.
	newest := max(e.pulse.Seen(), e.progress.reached.Load(), e.lineage.lowest.Load())
	revision, err := e.log.Revision(ctx)
	if err == nil && revision < newest {
		err = fmt.Errorf("%w: it is at revision %d, and must be at %d or later. It was restored from a snapshot without --bump-revision, or with one that is too small: "+
			"restore it again with --mark-compacted, and with a --bump-revision that is larger by %d or more", ErrRewound, revision, newest, newest-revision)
	}
	if err == nil && revision > view.MaxRevision {
		return 0, fmt.Errorf("%w: etcd is at revision %d. Restore it from its snapshot with a smaller --bump-revision", ErrTooFar, revision)
	}
	if errors.Is(err, ErrRewound) || errors.Is(err, etcd.ErrReplaced) {
		e.breakOff(err)
	}
	return revision, err
}

// breakOff ends everything that relies on the state: first readiness, at once, and then the
// following of the log.
func (e *Engine) breakOff(why error) {
	e.lineage.broken.Store(&why)
	e.pulse.Revoke()
	if stop := e.lineage.stop.Load(); stop != nil {
		(*stop)(why)
	}
	e.wakeups.WakeAll(e.wakeups.Announced()) // the controllers stop
}

// Continues reports whether etcd continues the history of what was published, as far as is
// known. While it does not, the current view must not be acted on. All waiters are woken when
// that changes.
func (e *Engine) Continues() bool { return e.lineage.broken.Load() == nil }

// leave prepares for another history: the next etcd must be beyond every revision that
// clients know. Those of a cluster that no client saw do not count.
func (e *Engine) leave(why error) {
	if e.options.Known == nil || e.lineage.accepted.Load() == e.log.Cluster() {
		lowest := max(e.lineage.lowest.Load(), e.pulse.Seen(), e.progress.reached.Load())
		if errors.Is(why, etcd.ErrReplaced) && e.options.Known != nil && e.current.Load() == nil {
			// The mark may be a little older than the newest revision that clients know.
			lowest = max(lowest, e.options.Known.Revision+MarkMargin)
		}
		e.lineage.lowest.Store(lowest)
	}
	e.pulse.Unsee()
	e.forget()
	e.log.Adopt()
}
