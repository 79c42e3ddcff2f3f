// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// strategy returns a strategy that limits about half of the time.
func (u *universe) strategy() *v1alpha1.RolloutStrategy {
	limit := intstr.FromInt32(1)
	all := intstr.FromString("100%")
	maxNew := 1
	switch u.IntN(8) {
	case 0, 1:
		return &v1alpha1.RolloutStrategy{MaxUnavailable: &limit}
	case 2:
		return &v1alpha1.RolloutStrategy{MaxNew: &maxNew}
	case 3:
		return &v1alpha1.RolloutStrategy{Partitions: []v1alpha1.Partition{
			{Name: "first", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: u.selector()}}, {Name: "rest", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: u.selector()}},
		}}
	case 4:
		return &v1alpha1.RolloutStrategy{MaxUnavailable: &all}
	}
	return nil
}

// anyPromotion writes or deletes a random promotion or rollout record.
func (e *edits) anyPromotion(txn *etcd.Txn) {
	name, cluster := e.name(someBundles), e.name(someClusters)
	b, c := e.j.object(e.t, record.Bundles, name), e.j.object(e.t, record.Clusters, cluster)
	if b == nil || c == nil {
		return
	}
	key := record.PromotionKey(record.Name{Namespace: names.ClusterNamespace(cluster.Namespace, cluster.Name), Name: name.Name})
	if e.oneIn(3) {
		key = record.RolloutKey(name)
	}
	switch {
	case e.oneIn(4):
		txn.Delete = append(txn.Delete, key)
	case key.Type == record.TypePromotion:
		p := &record.Promotion{UID: derive.IdentityUID(b.Object.GetUID(), c.Object.GetUID())}
		p.Promoted = pick(e.universe, nil, &record.Deployment{ManifestID: b.Content, Options: e.options()})
		p.Staged = pick(e.universe, nil, p.Promoted, &record.Deployment{ManifestID: b.Content, Options: e.options()})
		if e.oneIn(2) && p.Promoted != nil && p.Staged != nil {
			p.Staged = &record.Deployment{ManifestID: p.Promoted.ManifestID, Options: p.Promoted.Options}
			p.Staged.Options.Diff = &v1alpha1.DiffOptions{}
		}
		put(e.t, txn, key, p)
	default:
		r := record.Rollout{UID: b.Object.GetUID()}
		if !e.oneIn(3) {
			base := b.Object.(*v1alpha1.Bundle)
			base.Spec, base.Generation = e.bundleSpec(), base.Generation-1
			e.seed(b)
			data, err := b.Encode()
			require.NoError(e.t, err)
			r.Base = data
		}
		put(e.t, txn, key, r)
	}
}

// promote takes one step of a random roll-out, as the controller does: it records what
// follows from the base, then drops the base, then decides by passes. It returns nil if
// nothing is to be done.
func (h *history) promote() *etcd.Txn {
	names := h.j.state.Rollouts()
	if len(names) == 0 {
		return nil
	}
	in, ok := h.j.state.Rollout(pick(h.universe, names...))
	if !ok {
		return nil
	}
	txn := &etcd.Txn{Unchanged: in.Guards, Put: map[record.Key][]byte{}}
	decisions := rollout.Materialize(in)
	switch {
	case in.HasBase && len(decisions) == 0:
		put(h.edits.t, txn, record.RolloutKey(in.Bundle), record.Rollout{UID: in.UID})
		return txn
	case !in.HasBase:
		result, err := rollout.Pass(in)
		if err != nil {
			return nil
		}
		decisions = result.Decisions
	}
	for _, d := range decisions {
		if h.oneIn(3) {
			continue // more than one transaction takes
		}
		t := in.Targets[d.Target]
		key := record.PromotionKey(t.Key)
		put(h.edits.t, txn, key, &record.Promotion{UID: t.UID, Staged: rollout.Deployment(d.Staged), Promoted: rollout.Deployment(d.Promoted)})
		txn.Unchanged[key] = t.RecordRevision
	}
	if len(txn.Put) == 0 {
		h.sweep(txn, in)
	}
	if len(txn.Put)+len(txn.Delete) == 0 {
		return nil
	}
	return txn
}

// sweep removes records that are no longer held.
func (h *history) sweep(txn *etcd.Txn, in rollout.Input) {
	held := in.Limited || in.Paused
	for _, t := range in.Targets {
		if held = held || t.Held; !t.Held && t.Recorded {
			key := record.PromotionKey(t.Key)
			txn.Delete, txn.Unchanged[key] = append(txn.Delete, key), t.RecordRevision
		}
	}
	if !held && len(txn.Delete) == 0 && in.RecordRevision != 0 {
		txn.Delete = append(txn.Delete, record.RolloutKey(in.Bundle))
	}
}

// leak checks that a planned write promoted nothing. On every held pair that existed before,
// the same is promoted as before; where limits hold, the same is staged too.
func (h *history) leak(p Proposal, before, after *answer) {
	for key, was := range before.deployments {
		name := record.Name{Namespace: was.version.bundle.Namespace, Name: was.version.bundle.Name}
		b := after.bundles[name]
		if b == nil || b.newest.bundle.UID != was.version.bundle.UID {
			continue
		}
		pair, targeted := b.pairs[was.cluster.name]
		if !targeted || pair.content == nil || pair.cluster.joined.UID != was.cluster.joined.UID || after.namespaces[was.cluster.name] != key.Namespace {
			continue
		}
		now, there := after.deployments[key]
		if there && now.cluster.name != was.cluster.name || there && now.version.bundle.UID != was.version.bundle.UID {
			continue // another claim has the name
		}
		limited, paused := b.isHeld(pair)
		if !limited && !paused {
			continue
		}
		if then := before.bundles[name]; p.Resource == record.Policies {
			// A pair that was not held changes with a Policy, and is then held with the new
			// content.
			if limited, paused := then.isHeld(then.pairs[was.cluster.name]); !limited && !paused {
				continue
			}
		}
		h.must(there, "%s is gone after a write of %s %s", key, p.Resource, p.Name)
		h.must(now.contents.promoted.DeploymentID == was.contents.promoted.DeploymentID, "%s is held, and a write of %s %s changed what is promoted from\n%+v\nto\n%+v", key, p.Resource, p.Name, was.contents.promoted, now.contents.promoted)
		if limited {
			h.must(now.contents.staged.DeploymentID == was.contents.staged.DeploymentID, "%s is held, and a write of %s %s changed what is staged", key, p.Resource, p.Name)
		}
	}
	for key, now := range after.deployments {
		if _, was := before.deployments[key]; was {
			continue
		}
		name := record.Name{Namespace: now.version.bundle.Namespace, Name: now.version.bundle.Name}
		b := after.bundles[name]
		if _, promoted := h.j.records[record.PromotionKey(key)]; promoted && before.namespaces[now.cluster.name] != key.Namespace {
			continue // its Cluster has its old namespace again, and what was promoted there
		}
		if limited, _ := b.isHeld(b.pairs[now.cluster.name]); limited && h.j.state.bundles[name].base == nil && !b.pending {
			h.must(p.Resource == record.Mappings || p.Resource == record.Namespaces, "%s is limited, and came with a write of %s %s", key, p.Resource, p.Name)
		}
	}
}
