// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// partition is a manual partition of a Bundle's roll-out. Automatic partitions are ranges of
// ranks, and need no members of their own.
type partition struct {
	entry   targeting.Entry
	members *summary.Ranked[Member]
}

// strategyOf returns a version's roll-out strategy. It is never nil.
func strategyOf(v *v1alpha1.Bundle) *v1alpha1.RolloutStrategy {
	if s := v.Spec.RolloutStrategy; s != nil {
		return s
	}
	return &v1alpha1.RolloutStrategy{}
}

// InForce makes the manual partitions those of the version in force, nil if none is. If the
// version changes, it sorts the members into the partitions anew. It must be called before
// Pair if both change.
func (b *Bundle) InForce(v *v1alpha1.Bundle) {
	if !b.cut(v) {
		return
	}
	for m := range b.members.Each(0, allRanks) {
		b.enterPartitions(m)
	}
}

// cut makes the partitions those of a version, without members. It reports false if they
// already are.
func (b *Bundle) cut(v *v1alpha1.Bundle) bool {
	if b.cutBy == v {
		return false
	}
	b.cutBy, b.partitions = v, nil
	if v != nil {
		parts, _ := rollout.Entries(v.Spec.RolloutStrategy) // the status shows the error
		for _, e := range parts {
			b.partitions = append(b.partitions, &partition{e, newMembers()})
		}
	}
	return true
}

// enterPartitions adds a member to the partitions to which it belongs, and removes it from
// the others.
func (b *Bundle) enterPartitions(m Member) {
	for _, p := range b.partitions {
		if p.entry.Matches(m.Cluster.looks.Targeting) {
			p.members.Put(m)
		} else {
			p.members.Delete(m)
		}
	}
	if len(b.partitions) > 0 {
		m.Cluster.partitioned[b] = struct{}{}
	} else {
		delete(m.Cluster.partitioned, b)
	}
}

func (b *Bundle) leavePartitions(m Member) {
	for _, p := range b.partitions {
		p.members.Delete(m)
	}
	delete(m.Cluster.partitioned, b)
}

// repartition sorts a Cluster's pairs into the partitions anew.
func (l *Ledger) repartition(c *Cluster) {
	for b := range c.partitioned {
		if m, ok := b.members.Get(Member{Cluster: c}); ok {
			l.changed.bundles[b] = struct{}{}
			b.enterPartitions(m)
		}
	}
}

// section is a partition with its sums.
type section struct {
	v1alpha1.PartitionStatus
	sum summary.Weight
}

// sections returns the partitions of a Bundle, in order, with the numbers of S 6.4 step 2.
// The text of an error is that of the Bundle's condition.
//
// Their lists share memory with those of the whole Bundle, all, and with those that were
// shown before (see status).
func (b *Bundle) sections(v *v1alpha1.Bundle, all *v1alpha1.BundleSummary, was *view.BundleStatus) ([]section, error) {
	strategy, members := strategyOf(v), b.members
	if _, err := rollout.Entries(strategy); err != nil {
		return nil, err
	}
	none := func(_, _ int) bool { return false }
	partitions, err := rollout.Partitions(strategy, members.Len(), none)
	if err != nil {
		return nil, err
	}
	out := make([]section, len(partitions))
	b.inPartitions = slices.Grow(b.inPartitions, len(out))[:len(out)]
	for i, p := range partitions {
		s := section{PartitionStatus: v1alpha1.PartitionStatus{Name: p.Name, MaxUnavailable: p.MaxUnavailable, Count: p.Count()}}
		of, from, to := members, p.From, p.To
		if p.Manual {
			of, from, to = b.partitions[i].members, 0, allRanks
			s.Count = of.Len()
			if s.MaxUnavailable, err = rollout.Limit(s.Count, strategy.Partitions[i].MaxUnavailable, strategy.MaxUnavailable); err != nil {
				return nil, err
			}
		}
		s.sum = of.Sum(from, to)
		s.Summary = summary.Summary(s.sum, entries(&b.inPartitions[i], of, from, to, Member.deployment))
		shareEntries(&s.Summary, all) // usually one partition has all members
		if was != nil && i < len(was.PartitionStatus) {
			shareEntries(&s.Summary, &was.PartitionStatus[i].Summary)
		}
		s.Unavailable = int(s.sum.Unavailable)
		out[i] = s
	}
	return out, nil
}

// rollOutStatus fills in the numbers of the roll-out as a pass with nothing to do leaves them
// (S 6.4). Anything that had to be done is done already, or the next revision does it.
func (b *Bundle) rollOutStatus(v *v1alpha1.Bundle, status *v1alpha1.BundleStatus, was *view.BundleStatus) {
	err := func() (err error) {
		strategy := strategyOf(v)
		if status.MaxUnavailable, err = rollout.Limit(b.members.Len(), strategy.MaxUnavailable); err != nil {
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
		status.Conditions = reports.WithError(status.Conditions, err.Error())
	}
}
