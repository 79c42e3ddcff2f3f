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

// ErrRewound means that etcd's revision is lower than it was: it was restored from
// a snapshot, without a bump, and what it will call the next revisions are others
// than those that clients know under these numbers.
var ErrRewound = errors.New("etcd went back in time")

// ErrTooFar means that etcd's revision has no room in a resourceVersion.
var ErrTooFar = errors.New("resourceVersions have room for revisions below 2^43")

// rewoundDelay is the wait before a look whether etcd is past what was seen. Each
// look is an error in the log: it takes an operator to end it.
const rewoundDelay = 5 * time.Second

// lineage knows whether what etcd tells now continues what it told before.
type lineage struct {
	// broken is why it does not; nil while it does.
	broken atomic.Pointer[error]
	// stop ends what follows the log.
	stop atomic.Pointer[context.CancelCauseFunc]
}

// position reads etcd's revision by quorum, and sees when it continues another
// history than the state's.
func (e *Engine) position(ctx context.Context) (int64, error) {
	// Before asking: an answer is at least what was known before the question.
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

// breakOff ends what relies on the state: readiness at once, then the following of
// the log.
func (e *Engine) breakOff(why error) {
	e.lineage.broken.Store(&why)
	e.pulse.Revoke()
	if stop := e.lineage.stop.Load(); stop != nil {
		(*stop)(why)
	}
}
