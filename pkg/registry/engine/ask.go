// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/state"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// Questions to the current state, and plans on it, wait at most for the revision that is being
// applied. The types of package state that callers need have a name here too.
type (
	// Proposal is a write of an object that has not been committed.
	Proposal = state.Proposal
	// Plan is what a write has to record beside its object.
	Plan = state.Plan
	// UnusedRecord is a record that decides nothing.
	UnusedRecord = state.UnusedRecord
)

// ask calls read with the current state, to which nothing writes during the call. It fails
// with ErrNotReady if no state is loaded.
func (e *Engine) ask(read func(*state.State)) error {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.State == nil {
		return ErrNotReady
	}
	read(e.state.State)
	return nil
}

// askToPlan is ask for plans. It fails on a replica that has closed itself.
func (e *Engine) askToPlan(read func(*state.State)) error {
	if e.newer() != nil {
		return ErrNotReady
	}
	return e.ask(read)
}

// Plan returns what a write has to record with it. It ends with the context.
func (e *Engine) Plan(ctx context.Context, p Proposal) (*Plan, error) { return e.planner.Plan(ctx, p) }

// PlanNamespace plans that the mirror of a Namespace holds its labels; nil labels mean that
// the Namespace is gone.
func (e *Engine) PlanNamespace(name string, labels map[string]string) (*Plan, error) {
	return e.planner.Namespace(name, labels)
}

// PlanValues plans that the log holds the data of a Bundle's values Secret (S 4.5).
func (e *Engine) PlanValues(bundle record.Name, data map[string][]byte) (*Plan, error) {
	return e.planner.Values(bundle, data)
}

// PlanDropValues plans that the log deletes values that no version of the Bundle needs.
func (e *Engine) PlanDropValues(bundle record.Name, hash string) (*Plan, error) {
	return e.planner.DropValues(bundle, hash)
}

// ClustersIn returns the Clusters of a namespace, ordered by name, with their groups.
func (e *Engine) ClustersIn(namespace string) (out []targeting.Cluster, err error) {
	err = e.ask(func(s *state.State) { out = s.ClustersIn(namespace) })
	return out, err
}

// Rollouts returns the names of the Bundles on which a roll-out controller may have to act,
// in order; none while no state is loaded. It costs O(Bundles).
func (e *Engine) Rollouts() (out []record.Name) {
	_ = e.ask(func(s *state.State) { out = s.Rollouts() })
	return out
}

// Rollout returns one Bundle's roll-out at the current revision. It reports false if the
// Bundle does not exist or has no version in force. It costs O(targets).
func (e *Engine) Rollout(name record.Name) (out rollout.Input, ok bool, err error) {
	err = e.ask(func(s *state.State) { out, ok = s.Rollout(name) })
	return out, ok, err
}

// RolloutGuard returns the revision of the guard of a Bundle's roll-out, 0 if there is none.
func (e *Engine) RolloutGuard(name record.Name) (revision int64) {
	_ = e.ask(func(s *state.State) { revision = s.RolloutGuard(name) })
	return revision
}

// ContentsInUse returns the IDs of all manifests to which a record refers, and the revision
// of that state.
func (e *Engine) ContentsInUse() (ids map[string]struct{}, revision int64, err error) {
	err = e.ask(func(s *state.State) { ids, revision = s.ContentsInUse(), s.Revision() })
	return ids, revision, err
}

// MirroredNamespaces returns the names of the Namespaces that have a mirror in the log.
func (e *Engine) MirroredNamespaces() (out []string, err error) {
	err = e.ask(func(s *state.State) { out = s.MirroredNamespaces() })
	return out, err
}

// BundlesWithValues returns the names of the Bundles that have values in the log.
func (e *Engine) BundlesWithValues() (out []record.Name, err error) {
	err = e.ask(func(s *state.State) { out = s.BundlesWithValues() })
	return out, err
}

// ValuesOf returns the hashes of a Bundle's values in the log, each with whether one of the
// Bundle's versions needs it.
func (e *Engine) ValuesOf(bundle record.Name) (out map[string]bool, err error) {
	err = e.ask(func(s *state.State) { out = s.ValuesOf(bundle) })
	return out, err
}

// CopiesOf returns the record of a BundleDeployment's copies, and its revision; zero if there
// is none.
func (e *Engine) CopiesOf(deployment record.Name) (out record.Downstream, revision int64, err error) {
	err = e.ask(func(s *state.State) { out, revision = s.CopiesOf(deployment) })
	return out, revision, err
}

// WithCopies returns the names that have a record of copies, whether the BundleDeployments
// exist or not.
func (e *Engine) WithCopies() (out []record.Name, err error) {
	err = e.ask(func(s *state.State) { out = s.WithCopies() })
	return out, err
}

// unusedPiece is how many records are examined while the state is locked.
const unusedPiece = 1000

// Unused calls each with the records that decide nothing (state.State.Unused), a piece at a
// time, and with the revision of the state that it asked. It ends early if each returns
// false. It costs O(records), and delays revisions by one piece at a time.
func (e *Engine) Unused(each func(unused []UnusedRecord, revision int64) bool) error {
	var keys []record.Key
	if err := e.ask(func(s *state.State) { keys = s.MaybeUnused() }); err != nil {
		return err
	}
	for piece := range slices.Chunk(keys, unusedPiece) {
		unused, revision, err := e.StillUnused(piece)
		if err != nil {
			return err
		}
		if len(unused) > 0 && !each(unused, revision) {
			return nil
		}
	}
	return nil
}

// StillUnused returns those of the given records that decide nothing now.
func (e *Engine) StillUnused(keys []record.Key) (unused []UnusedRecord, revision int64, err error) {
	err = e.ask(func(s *state.State) { unused, revision = s.Unused(keys), s.Revision() })
	return unused, revision, err
}
