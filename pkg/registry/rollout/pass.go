// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

// defaultMaxNew is how many BundleDeployments one pass creates by default.
const defaultMaxNew = 50

// Decision says what a target's promotion record is to hold.
type Decision struct {
	// Target is its place in Input.Targets.
	Target int
	// Staged and Promoted are the record's contents. Promoted is nil if nothing is
	// promoted.
	Staged, Promoted *derive.Content
	// Created says that no BundleDeployment existed before.
	Created bool
	// Disrupts says that the BundleDeployment was available and is promoted: it counts
	// against the caps from now on.
	Disrupts bool
	// Unavailable says that the BundleDeployment is promoted regardless of the caps,
	// because it is already unavailable. If its agent reports meanwhile that it is
	// available, the reason is gone.
	Unavailable bool
}

// Result holds the decisions of a pass, and the numbers for Bundle.status.
type Result struct {
	// Decisions are in the order in which they were taken: one for each target whose record
	// is to be written.
	Decisions []Decision

	Unavailable, MaxUnavailable                     int
	UnavailablePartitions, MaxUnavailablePartitions int
	NewlyCreated                                    int
	Partitions                                      []PartitionResult
}

// PartitionResult is a Partition with the numbers of the pass.
type PartitionResult struct {
	Partition
	// Unavailable counts the members that are unavailable. If the pass reached the
	// partition, it also counts members without the newest version.
	Unavailable int
	// Reached says that no earlier partition stopped the pass.
	Reached bool
}

// Pass takes the next steps of a roll-out (S 6.4). It fails if the strategy is invalid;
// then nothing moves.
//
// If nothing limits, the held targets are the paused ones: they are staged, all at once.
func Pass(in Input) (Result, error) {
	p := pass{in: &in, targets: make([]step, len(in.Targets))}
	if err := p.prepare(); err != nil {
		return Result{}, err
	}
	for i := range p.result.Partitions {
		part := &p.result.Partitions[i]
		part.Reached = true
		p.stage(part)
		p.promote(part)
		p.recount(part)
		if part.Unavailable > part.MaxUnavailable {
			p.result.UnavailablePartitions++
		}
		if p.result.UnavailablePartitions > p.result.MaxUnavailablePartitions {
			break
		}
	}
	p.decide()
	return p.result, nil
}

// pass is one pass in progress.
type pass struct {
	in      *Input
	targets []step
	maxNew  int
	result  Result
}

// step is a target as the pass leaves it.
type step struct {
	Target
	// counted says that the target was counted against maxNew. A target that cannot be
	// created for lack of a namespace counts too, and once.
	counted               bool
	disrupts, unavailable bool
}

func (p *pass) prepare() error {
	strategy := p.in.Strategy
	if strategy == nil {
		strategy = &v1alpha1.RolloutStrategy{}
	}
	for i := range p.in.Targets {
		p.targets[i].Target = p.in.Targets[i]
		if p.targets[i].Unavailable() {
			p.result.Unavailable++
		}
	}
	p.maxNew = p.newAllowed(strategy)
	var err error
	if p.result.MaxUnavailable, err = Limit(len(p.targets), strategy.MaxUnavailable); err != nil {
		return err
	}
	entries, err := Entries(strategy)
	if err != nil {
		return err
	}
	partitions, err := Partitions(strategy, len(p.targets), func(partition, rank int) bool {
		return entries[partition].Matches(p.targets[rank].Cluster)
	})
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		part := PartitionResult{Partition: partition}
		for rank := range partition.Members() {
			if p.targets[rank].Unavailable() {
				part.Unavailable++
			}
		}
		p.result.Partitions = append(p.result.Partitions, part)
	}
	p.result.MaxUnavailablePartitions, err = MaxUnavailablePartitions(strategy, len(partitions))
	return err
}

func (p *pass) newAllowed(strategy *v1alpha1.RolloutStrategy) int {
	switch {
	case !p.in.Limited:
		return len(p.targets)
	case strategy.MaxNew == nil:
		return defaultMaxNew
	default:
		return *strategy.MaxNew
	}
}

// stage gives the members of a partition the newest content, and creates those that do not
// exist.
func (p *pass) stage(part *PartitionResult) {
	for rank := range part.Members() {
		t := &p.targets[rank]
		if t.Computed == nil {
			continue
		}
		if !t.Exists && !t.counted && p.result.NewlyCreated < p.maxNew {
			p.result.NewlyCreated++
			t.counted = true
			t.Exists = t.Key.Namespace != ""
		}
		if t.Exists && !t.Staged.Equal(t.Computed) {
			t.Staged = t.Computed
		}
	}
}

// promote promotes the members of a partition, as far as the caps allow.
func (p *pass) promote(part *PartitionResult) {
	for rank := range part.Members() {
		t := &p.targets[rank]
		if !t.Exists || t.Paused || t.StagedID() == "" {
			continue
		}
		if t.StagedID() == t.PromotedID() {
			// A changed diff is not a new deployment (S 5.2).
			t.Promoted = t.Promoted.WithDiff(t.Staged)
			continue
		}
		unavailable := t.Unavailable()
		within := p.result.Unavailable < p.result.MaxUnavailable && part.Unavailable < part.MaxUnavailable
		if !within && !unavailable {
			continue
		}
		if !unavailable {
			p.result.Unavailable++
			part.Unavailable++
		}
		t.disrupts, t.unavailable = !unavailable, unavailable && !t.counted
		t.Promoted = t.Staged
	}
}

// recount counts strictly: a member without the newest version is unavailable.
func (p *pass) recount(part *PartitionResult) {
	part.Unavailable = 0
	for rank := range part.Members() {
		if t := &p.targets[rank].Target; !t.UpToDate() || t.Unavailable() {
			part.Unavailable++
		}
	}
}

// decide lists the targets whose records change. A target in two partitions gets one
// decision for both.
func (p *pass) decide() {
	for i := range p.targets {
		before, now := &p.in.Targets[i], &p.targets[i]
		if !before.Held || !now.Exists {
			continue
		}
		if before.Exists && before.Staged.Equal(now.Staged) && before.Promoted.Equal(now.Promoted) {
			continue
		}
		p.result.Decisions = append(p.result.Decisions, Decision{
			Target: i, Staged: now.Staged, Promoted: now.Promoted,
			Created: !before.Exists, Disrupts: now.disrupts, Unavailable: now.unavailable,
		})
	}
}

// Materialize lists the targets whose state comes from the base of the rollout record, with
// that state. They have to be recorded before the base is dropped.
func Materialize(in Input) []Decision {
	var decisions []Decision
	for i := range in.Targets {
		t := &in.Targets[i]
		if t.Held && t.FromBase && !t.Recorded && t.Exists {
			decisions = append(decisions, Decision{Target: i, Staged: t.Staged, Promoted: t.Promoted})
		}
	}
	return decisions
}
