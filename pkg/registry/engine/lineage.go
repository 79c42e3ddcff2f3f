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
// snapshot without a bump. Its next revisions will differ from those that clients know under
// the same numbers.
var ErrRewound = errors.New("etcd went back in time")

// ErrTooFar means that etcd's revision does not fit into a resourceVersion.
var ErrTooFar = errors.New("resourceVersions have room for revisions below 2^43")

// rewoundDelay is the wait before the next check whether etcd has passed the newest revision
// seen. Each check logs an error, because only an operator can end this.
const rewoundDelay = 5 * time.Second

// lineage tracks whether etcd continues the history that it has shown before.
type lineage struct {
	// broken is the reason why it does not, nil while it does.
	broken atomic.Pointer[error]
	// stop ends the following of the log.
	stop atomic.Pointer[context.CancelCauseFunc]
}

// position reads etcd's revision by quorum. It breaks off if etcd continues another history
// than the state's.
func (e *Engine) position(ctx context.Context) (int64, error) {
	// Read this first: an answer is at least as new as what was known before the question.
	newest := max(e.pulse.Seen(), e.progress.reached.Load())
	revision, err := e.log.Revision(ctx)
	if err == nil && revision < newest {
		err = fmt.Errorf("%w: it is at revision %d and has been at %d. It was restored from a snapshot without --bump-revision; "+
			"restore it again with --bump-revision and --mark-compacted", ErrRewound, revision, newest)
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
}
