// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Proposal is a write of an object that has not been committed.
type Proposal struct {
	Resource string
	Name     record.Name
	// Object is nil if the object is to be deleted.
	Object *record.Object
	// Size is the size of the write without its plan, in bytes (etcd.Txn.Size).
	Size int
}

// Plan holds what a write has to record beside its object, because it could not be derived
// afterwards (pkg/registry/doc.go), and the guards that make the plan valid at the commit.
type Plan struct {
	Unchanged      map[record.Key]int64
	UnchangedSince []etcd.RangeGuard
	Put            map[record.Key][]byte
	Delete         []record.Key
	// First are transactions that must be committed before the write, in this order, because
	// their records do not fit into its transaction. They change nothing that shows. A crash
	// after one leaves records that the next write of its kind reuses or removes. If First is
	// not empty, the rest is no plan: the write must be planned anew after them.
	First []etcd.Txn
	// exact are the guards before they were coarsened.
	exact guarded
}

// Size returns the approximate size of a plan in a request, in bytes.
func (p *Plan) Size() int { return (&etcd.Txn{Put: p.Put, Delete: p.Delete}).Size() }

// Planner plans writes on the current state. It is safe for concurrent use.
type Planner struct {
	ask func(func(*State)) error // see NewPlanner
	// heldFor is about how long a pass may evaluate templates under the state's lock.
	heldFor    time.Duration
	evaluating turns
	planned    plannedVersions
}

// NewPlanner returns a planner. ask calls a function with the current state, to which nothing
// writes during the call. Plans fail with the error that it returns.
func NewPlanner(ask func(func(*State)) error) *Planner {
	return &Planner{ask: ask, heldFor: heldFor}
}

// Plan returns what a write has to record with it. It costs what the write affects among the
// Bundles that can fail. It waits while a revision is applied, and ends with the context.
func (planner *Planner) Plan(ctx context.Context, p Proposal) (*Plan, error) {
	w := planner.newWarmth(ctx)
	if err := planner.refuseCostly(ctx, p); err != nil {
		return nil, err
	}
	plan, err := planner.try(w, p, func(t *trial) error { return t.write(p) })
	if err == nil {
		planner.planned.note(p, w)
	}
	return plan, err
}

// plan plans a write in one pass, without what the pass puts off. p names the object, if the
// write has one.
func (s *State) plan(w *warmth, p Proposal, write func(t *trial) error) (*Plan, error) {
	t := &trial{
		State:    s,
		plan:     &Plan{Unchanged: map[record.Key]int64{}, Put: map[record.Key][]byte{}},
		deltas:   map[*version]int{},
		moved:    map[*cluster]struct{}{},
		targeted: map[claim]bool{},
		ended:    map[claim]struct{}{},
		holding:  newHolding(),
		contests: map[record.Name][]claimant{},
		warmth:   w,
		early:    early{map[record.Key]claim{}, map[record.Key]earlyPins{}},
	}
	if err := write(t); err != nil {
		return nil, err
	}
	if err := t.hold(); err != nil {
		return nil, err
	}
	if err := t.recordHolders(); err != nil {
		return nil, err
	}
	t.deleteRecords(etcd.MaxSize - p.Size)
	if err := t.fit(p); err != nil {
		return nil, err
	}
	return t.plan, nil
}

// write plans a write of an object.
func (t *trial) write(p Proposal) error {
	switch p.Resource {
	case record.Bundles:
		return t.bundle(p)
	case record.Clusters:
		return t.cluster(p)
	case record.ClusterGroups:
		return t.group(p)
	case record.Mappings:
		t.mapping(p)
	case record.Policies:
		t.policy(p)
	case record.Restrictions:
		t.restriction(p)
	}
	return nil
}

// trial finds out what a write would do, without doing it.
type trial struct {
	*State
	plan *Plan
	// deltas are the changes in the number of unpinned failures of pending versions.
	deltas map[*version]int
	// moved are the clusters whose appearance the write changes. targeted says whether the
	// newest versions that were evaluated on them target them after the write.
	moved    map[*cluster]struct{}
	targeted map[claim]bool
	// ended are the BundleDeployments that end with the write.
	ended   map[claim]struct{}
	holding holding
	// contests are the claims that the write may bring to names that other pairs have.
	contests map[record.Name][]claimant
	warmth   *warmth
	early    early
}

// guardTargeting makes the plan hold only while no other write widens targeting.
func (t *trial) guardTargeting() {
	key := record.TargetingGuardKey()
	t.plan.Unchanged[key] = t.guards[key]
}

// guardVersions makes the plan hold only while no Bundle gets a version that can fail.
func (t *trial) guardVersions() {
	key := record.VersionsGuardKey()
	t.plan.Unchanged[key] = t.guards[key]
}

// widens invalidates the plans that were made before this write, because it can widen
// targeting. The plan of this write holds only while no other write does the same.
func (t *trial) widens() {
	t.guardTargeting()
	t.guardVersions()
	t.plan.Put[record.TargetingGuardKey()] = []byte("{}")
}

// newVersion invalidates the plans that were made before this write, because it gives a
// Bundle a version that can fail. Plans of other Bundles' versions still hold.
func (t *trial) newVersion() {
	t.guardTargeting()
	t.plan.Put[record.VersionsGuardKey()] = []byte("{}")
}

// witness makes the plan hold only while a cluster is unchanged.
func (t *trial) witness(c *cluster) {
	t.plan.Unchanged[record.ObjectKey(record.Clusters, c.name)] = t.object(record.Clusters, c.name).RecordRevision
}

// guardClusters makes the plan hold only while the clusters that a bundle may target are
// unchanged.
func (t *trial) guardClusters(b *bundle) {
	namespace := b.name.Namespace
	if len(b.mappings) > 0 {
		namespace = "" // a mapping can select a namespace that does not exist yet
	}
	t.guardNamespace(namespace)
}

// guardNamespace guards the clusters of one namespace, or of all if it is "".
func (t *trial) guardNamespace(namespace string) {
	guard := etcd.RangeGuard{Resource: record.Clusters, Namespace: namespace, Revision: t.revision}
	if !slices.Contains(t.plan.UnchangedSince, guard) {
		t.plan.UnchangedSince = append(t.plan.UnchangedSince, guard)
	}
}

func (t *trial) put(key record.Key, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key.Path(), err)
	}
	t.plan.Put[key] = record.Pack(data)
	return nil
}
