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

// An audit compares the state, which the engine has derived edit by edit, with what the
// records in etcd mean at the same revision, computed anew and without the index. A fault of
// the engine, or of the machine's memory, might make a BundleDeployment vanish, and then an
// agent would uninstall. An audit finds the fault, and the replica stops answering until it
// has built its state anew.
//
// An audit is of one share of the Bundles (package audit). It reads all records of the log,
// decodes those that it needs, and evaluates a bounded number of pairs. If one share holds all
// Bundles, Clusters, ClusterGroups, GitRepos and HelmOps are compared too.

// ErrDiffers means that an audit found the state to be wrong.
var ErrDiffers = errors.New("the state differs from what the records mean")

const (
	// auditTimeout bounds one audit, because the records of its revision are not kept for
	// ever.
	auditTimeout = 5 * time.Minute
	auditLogged  = 10 // differences that are logged
)

// keepAuditing runs audits at an interval until the context ends.
func (e *Engine) keepAuditing(ctx context.Context, interval time.Duration) {
	if interval <= 0 {
		return
	}
	for turn := rand.Uint32(); ; turn++ {
		// Replicas must not rebuild at the same time.
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

// Audit audits the share whose turn it is. It returns an error if it could not. The log and
// the Stats show what it finds.
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
		// They could not be decoded at that revision, and can be now.
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
	for i := range min(len(found), auditLogged) {
		klog.ErrorS(ErrDiffers, "An audit found an object that is wrong", "resource", found[i].Resource, "object", found[i].Name, "revision", v.Revision, "what", found[i].What)
	}
	// This happens at once, whatever the state of etcd. Objects return with another content,
	// at a revision at which no client has seen them: without one the replica does not become
	// ready again (load).
	e.breakOff(fmt.Errorf("%w: %d of %d objects at revision %d", ErrDiffers, len(found), compared, v.Revision))
	return nil
}
