// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/audit"
	"github.com/musterfleet/muster/pkg/registry/state"
)

// An audit compares what the engine has come to, edit by edit, with what the records
// in etcd at that revision mean, worked out anew and without the index. A fault of
// the engine, or of the machine's memory, that makes a BundleDeployment vanish would
// make an agent uninstall; so it is found here, and the replica stops answering until
// it has built its state anew.
//
// The Bundles are audited in shares, by a hash of their name: what their
// BundleDeployments and roll-ups are depends on all Clusters, and on no Bundle of
// another name. An audit reads all records of the log, decodes those that it needs,
// and evaluates as many pairs as auditPairs; a large fleet is through after some of
// them. Where one share is all, Clusters, ClusterGroups, GitRepos and HelmOps are
// compared too.

// ErrDiffers means that an audit found the state to be wrong.
var ErrDiffers = errors.New("the state differs from what the records mean")

const (
	// auditTimeout bounds one audit: the records of its revision are not held for ever.
	auditTimeout = 5 * time.Minute
	// auditTold is how many differences are logged.
	auditTold = 10
)

// keepAuditing runs audits at an interval until the context ends.
func (e *Engine) keepAuditing(ctx context.Context, interval time.Duration) {
	if interval <= 0 {
		return
	}
	for turn := rand.Uint32(); ; turn++ {
		// Replicas must not rebuild at one time.
		wait := interval + rand.N(interval/4+1) - interval/8
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if e.Ready() != nil {
			continue
		}
		if err := e.Audit(ctx, turn); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "An audit could not be made")
		}
	}
}

// Audit audits the share whose turn it is. It fails if that cannot be done. What it finds
// is in the log and in the Stats.
func (e *Engine) Audit(ctx context.Context, turn uint32) error {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	v, err := e.Current()
	if err != nil {
		return err
	}
	if s := e.Stats(); s.UndecodableNow > s.Foreign {
		return fmt.Errorf("%d records cannot be decoded: what they say is not known", s.UndecodableNow-s.Foreign)
	}
	s := audit.ShareOf(v, turn)
	all, err := e.records(ctx, v.Revision, s.Needs)
	if err != nil {
		return fmt.Errorf("read the records at revision %d: %w", v.Revision, err)
	}
	should, unread := state.Recomputed(all)
	if unread > 0 {
		// It was so at that revision, and is not any more.
		return fmt.Errorf("%d records could not be decoded at revision %d", unread, v.Revision)
	}
	found, compared := s.Compare(v, should, time.Sleep)
	e.totals.audits.Add(1)
	e.totals.audited.Add(int64(compared))
	e.totals.differences.Add(int64(len(found)))
	if len(found) == 0 {
		klog.V(2).InfoS("An audit found nothing wrong", "revision", v.Revision, "compared", compared, "share", s.String())
		return nil
	}
	for i := range min(len(found), auditTold) {
		klog.ErrorS(ErrDiffers, "An audit found an object that is wrong", "resource", found[i].Resource, "object", found[i].Name, "revision", v.Revision, "what", found[i].What)
	}
	// At once, whatever etcd can do now. Objects come back with another content, at a
	// revision that nobody has seen them at: it takes one to be ready again (load).
	e.breakOff(fmt.Errorf("%w: %d of %d objects at revision %d", ErrDiffers, len(found), compared, v.Revision))
	return nil
}
