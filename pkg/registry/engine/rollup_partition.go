// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// partition is a manual partition of a Bundle's roll-out. Those that are automatic
// are ranges of ranks, and need no members of their own.
type partition struct {
	entry   targeting.Entry
	members *summary.Ranked[member]
}

// strategyOf is a version's roll-out strategy; never nil.
func strategyOf(v *version) *v1alpha1.RolloutStrategy {
	if s := v.bundle.Spec.RolloutStrategy; s != nil {
		return s
	}
	return &v1alpha1.RolloutStrategy{}
}

// cutPartitions makes the manual partitions those of the version in force. Their
// members are those of the Bundle, sorted out anew.
func (b *bundle) cutPartitions(v *version) {
	if b.roll.cut == v {
		return
	}
	b.roll.cut, b.roll.partitions = v, nil
	if v != nil {
		parts, _ := rollout.Entries(v.bundle.Spec.RolloutStrategy) // why not, comes with the numbers
		for _, e := range parts {
			b.roll.partitions = append(b.roll.partitions, &partition{e, newMembers()})
		}
	}
	for m := range b.roll.members.Each(0, everyone) {
		b.enterPartitions(m)
	}
}

// enterPartitions puts a member into the partitions that it belongs to, and takes
// it out of the others.
func (b *bundle) enterPartitions(m member) {
	for _, p := range b.roll.partitions {
		if p.entry.Matches(m.cluster.targeting) {
			p.members.Put(m)
		} else {
			p.members.Delete(m)
		}
	}
	setMember(m.cluster.partitioned, b, len(b.roll.partitions) > 0)
}

func (b *bundle) leavePartitions(m member) {
	for _, p := range b.roll.partitions {
		p.members.Delete(m)
	}
	delete(m.cluster.partitioned, b)
}

// repartition sorts a Cluster's pairs into partitions anew if it looks different to
// them, and the Cluster into its groups.
func (w *work) repartition(c *cluster, was targeting.Cluster) {
	if len(changedGroups(was.Groups, c.targeting.Groups)) > 0 {
		w.rolled.clusters[c] = struct{}{}
	} else if maps.Equal(was.Labels, c.targeting.Labels) {
		return
	}
	for b := range c.partitioned {
		w.rolled.pairs[claim{b, c}] = struct{}{}
	}
}

// section is a partition with its sums.
type section struct {
	v1alpha1.PartitionStatus
	sum summary.Weight
}

// sections are the partitions of a Bundle, in order, with the numbers of S 6.4
// step 2. An error reads as the Bundle's condition shows it.
//
// They share their lists with the Bundle's, all, and with those that were shown before:
// see bundleStatus.
func (b *bundle) sections(v *version, all *v1alpha1.BundleSummary, was *view.BundleStatus) ([]section, error) {
	strategy, members := strategyOf(v), b.roll.members
	if _, err := rollout.Entries(strategy); err != nil {
		return nil, err
	}
	none := func(_, _ int) bool { return false }
	partitions, err := rollout.Partitions(strategy, members.Len(), none)
	if err != nil {
		return nil, err
	}
	out := make([]section, len(partitions))
	b.roll.sections = slices.Grow(b.roll.sections, len(out))[:len(out)]
	for i, p := range partitions {
		s := section{PartitionStatus: v1alpha1.PartitionStatus{Name: p.Name, MaxUnavailable: p.MaxUnavailable, Count: p.Count()}}
		of, from, to := members, p.From, p.To
		if p.Manual {
			of, from, to = b.roll.partitions[i].members, 0, everyone
			s.Count = of.Len()
			if s.MaxUnavailable, err = rollout.Limit(s.Count, strategy.Partitions[i].MaxUnavailable, strategy.MaxUnavailable); err != nil {
				return nil, err
			}
		}
		s.sum = of.Sum(from, to)
		s.Summary = summary.Summary(s.sum, entries(&b.roll.sections[i], of, from, to, member.deployment))
		shareEntries(&s.Summary, all) // mostly there is one partition, of all
		if was != nil && i < len(was.PartitionStatus) {
			shareEntries(&s.Summary, &was.PartitionStatus[i].Summary)
		}
		s.Unavailable = int(s.sum.Unavailable)
		out[i] = s
	}
	return out, nil
}

// rollOutStatus fills in the numbers of the roll-out, as a pass leaves them that
// has nothing to do (S 6.4): where there was something to do, it is done already,
// or the next revision does it.
func (b *bundle) rollOutStatus(v *version, status *v1alpha1.BundleStatus, was *view.BundleStatus) {
	err := func() (err error) {
		strategy := strategyOf(v)
		if status.MaxUnavailable, err = rollout.Limit(b.roll.members.Len(), strategy.MaxUnavailable); err != nil {
			return err
		}
		parts, err := b.sections(v, &status.Summary, was)
		if err != nil {
			return err
		}
		if status.MaxUnavailablePartitions, err = rollout.MaxUnavailablePartitions(strategy, len(parts)); err != nil {
			return err
		}
		reached := true
		for _, s := range parts {
			if reached {
				s.Unavailable = int(s.sum.Outdated)
				if s.Unavailable > s.MaxUnavailable {
					status.UnavailablePartitions++
				}
				reached = status.UnavailablePartitions <= status.MaxUnavailablePartitions
			}
			status.PartitionStatus = append(status.PartitionStatus, s.PartitionStatus)
		}
		summary.FitPartitions(status)
		return nil
	}()
	if err != nil {
		status.Conditions = derive.WithError(status.Conditions, err.Error())
	}
}
