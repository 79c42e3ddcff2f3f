// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/freshness"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Ready returns nil while reads are right: a few seconds ago at most, the view held
// everything that was committed. Otherwise the error wraps ErrNotReady and says what is
// missing. While it returns nil, it costs next to nothing.
func (e *Engine) Ready() error {
	if e.pulse.Ready() && e.lineage.broken.Load() == nil {
		return nil
	}
	return e.unready()
}

// Reached returns nil if within the last seconds a quorum read succeeded and a member
// answered. A replica that is warming up is not ready, but reaches etcd. A replica that has
// lost etcd does not.
func (e *Engine) Reached() error {
	silence, answered := e.pulse.Silence()
	alone, _ := e.pulse.Alone()
	switch {
	case !answered:
		return errors.New("etcd has not answered yet")
	case silence > freshness.LostAfter:
		return fmt.Errorf("etcd last answered %s ago", since(silence))
	case alone > freshness.SilentAfter:
		return fmt.Errorf("etcd last answered %s ago, none of its members since", since(alone))
	}
	return nil
}

// Unready returns a context that ends as soon as Ready returns an error. The caller must take
// it before it calls Ready.
func (e *Engine) Unready() context.Context { return e.pulse.Lost() }

// unready returns an error that says what is missing, in an operator's terms.
func (e *Engine) unready() error {
	v := e.current.Load()
	seen, failed := e.pulse.Seen(), e.pulse.Failure()
	behind := errors.Is(failed, freshness.ErrBehind)
	age, ever := e.pulse.Age()
	silence, _ := e.pulse.Silence()
	alone, replied := e.pulse.Alone()
	broken := e.lineage.broken.Load()
	reason := ""
	if stalled := e.stalled.Load(); stalled != nil && errors.Is(*stalled, etcd.ErrUndecryptable) {
		// The server's log says which key. Not every client may know its name.
		reason = fmt.Sprintf(": %v: see --encryption-provider-config", etcd.ErrUndecryptable)
	}
	if newer := e.newer(); newer != nil {
		return fmt.Errorf("%w: %w (a record has %s): restart this replica as that version or a later one", ErrNotReady, record.ErrNewer, newer.What)
	}
	switch {
	case broken != nil:
		return fmt.Errorf("%w: %w", ErrNotReady, *broken)
	case behind && v != nil:
		return fmt.Errorf("%w: behind: at revision %d, etcd at %d or later, last known to be up to date %s ago%s", ErrNotReady, v.Revision, seen, since(age), reason)
	case replied && alone > freshness.SilentAfter && failed == nil: // the first pulse without an answer has not ended
		return fmt.Errorf("%w: etcd lost: no member has answered for %s", ErrNotReady, since(alone))
	case failed != nil && !behind && ever:
		return fmt.Errorf("%w: etcd lost: last heard of %s ago, last error: %w", ErrNotReady, since(silence), failed)
	case failed != nil && !behind:
		return fmt.Errorf("%w: etcd lost: it has not answered yet, last error: %w", ErrNotReady, failed)
	case v == nil && e.progress.target.Load() == 0:
		return fmt.Errorf("%w: warming up: etcd has not answered yet", ErrNotReady)
	case v == nil:
		return fmt.Errorf("%w: warming up: at revision %d of %d%s", ErrNotReady, e.progress.reached.Load(), e.progress.target.Load(), reason)
	case !ever:
		return fmt.Errorf("%w: stopped", ErrNotReady)
	default:
		return fmt.Errorf("%w: last known to be up to date %s ago", ErrNotReady, since(age))
	}
}

// since rounds a duration to meaningful digits.
func since(age time.Duration) time.Duration { return age.Round(100 * time.Millisecond) }

// logReadiness logs a change of readiness, because operators ask about each one later.
func (e *Engine) logReadiness(ready bool) {
	if ready {
		klog.InfoS("Ready", "revision", e.pulse.Seen())
		return
	}
	klog.ErrorS(e.unready(), "Not ready any more")
}
