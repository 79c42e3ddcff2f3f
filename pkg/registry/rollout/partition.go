// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"iter"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// defaultThreshold is the number of targets from which they are partitioned automatically.
const defaultThreshold = 200

var (
	quarter = intstr.FromString("25%")
	none    = intstr.FromInt32(0)
)

// Partition is one stage of a roll-out. Its members are ranks: places of targets in the
// order of S 2.5.
type Partition struct {
	Name string
	// Manual says that the members are Ranks, ascending. Otherwise they are the ranks from
	// From to To-1.
	Manual   bool
	Ranks    []int
	From, To int
	// MaxUnavailable is how many members may be unavailable.
	MaxUnavailable int
}

// Count returns the number of members.
func (p *Partition) Count() int {
	if p.Manual {
		return len(p.Ranks)
	}
	return p.To - p.From
}

// Members yields the ranks of the members, ascending.
func (p *Partition) Members() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range p.Count() {
			rank := p.From + i
			if p.Manual {
				rank = p.Ranks[i]
			}
			if !yield(rank) {
				return
			}
		}
	}
}

// Entries compiles the manual partitions of a strategy, in order; none if partitions are
// automatic. An error names the field.
func Entries(strategy *v1alpha1.RolloutStrategy) ([]targeting.Entry, error) {
	if strategy == nil {
		return nil, nil
	}
	var entries []targeting.Entry
	for i := range strategy.Partitions {
		in := &strategy.Partitions[i]
		entry, err := targeting.CompileEntry(fmt.Sprintf("spec.rolloutStrategy.partitions[%d]", i), in.ClusterCriteria)
		if err != nil {
			return nil, updateError(err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// Partitions returns the stages of a roll-out to n targets, in order (S 6.2). member
// reports whether a rank is a member of a manual partition, given by its place in the
// strategy. It is called for every rank of each manual partition, and never if partitions
// are automatic. The text of an error is that of the Bundle's condition.
func Partitions(strategy *v1alpha1.RolloutStrategy, n int, member func(partition, rank int) bool) ([]Partition, error) {
	if strategy == nil {
		strategy = &v1alpha1.RolloutStrategy{}
	}
	var partitions []Partition
	var err error
	if len(strategy.Partitions) > 0 {
		partitions, err = manual(strategy, n, member)
	} else {
		partitions, err = automatic(strategy, n)
	}
	if err != nil {
		return nil, updateError(err)
	}
	return partitions, nil
}

func manual(strategy *v1alpha1.RolloutStrategy, n int, member func(partition, rank int) bool) ([]Partition, error) {
	partitions := make([]Partition, 0, len(strategy.Partitions))
	for i := range strategy.Partitions {
		in := &strategy.Partitions[i]
		p := Partition{Name: in.Name, Manual: true}
		for rank := range n {
			if member(i, rank) {
				p.Ranks = append(p.Ranks, rank)
			}
		}
		var err error
		if p.MaxUnavailable, err = Limit(len(p.Ranks), in.MaxUnavailable, strategy.MaxUnavailable); err != nil {
			return nil, err
		}
		partitions = append(partitions, p)
	}
	return partitions, nil
}

func automatic(strategy *v1alpha1.RolloutStrategy, n int) ([]Partition, error) {
	size := n
	all := undivided(strategy, n)
	if !all {
		var err error
		if size, err = Limit(n, strategy.AutoPartitionSize, &quarter); err != nil {
			return nil, err
		}
	}
	var partitions []Partition
	for from := 0; from < n || from == 0; from += max(size, 1) {
		p := Partition{Name: "All", From: from, To: min(from+size, n)}
		if !all {
			p.Name = fmt.Sprintf("Partition %d - %d", p.From, p.To)
		}
		var err error
		if p.MaxUnavailable, err = Limit(p.Count(), strategy.MaxUnavailable); err != nil {
			return nil, err
		}
		partitions = append(partitions, p)
	}
	return partitions, nil
}

// undivided reports whether all targets are one partition.
func undivided(strategy *v1alpha1.RolloutStrategy, n int) bool {
	if size := strategy.AutoPartitionSize; size != nil && size.Type == intstr.Int && size.IntVal <= 0 {
		return true
	}
	threshold := defaultThreshold
	if strategy.AutoPartitionThreshold != nil {
		threshold = *strategy.AutoPartitionThreshold
	}
	return threshold <= 0 || n < threshold
}

// MaxUnavailablePartitions returns how many of n partitions may exceed their limit before
// the roll-out stops; none if the strategy does not say.
func MaxUnavailablePartitions(strategy *v1alpha1.RolloutStrategy, n int) (int, error) {
	var value *intstr.IntOrString
	if strategy != nil {
		value = strategy.MaxUnavailablePartitions
	}
	limit, err := Limit(n, value, &none)
	if err != nil {
		return 0, updateError(err)
	}
	return limit, nil
}

func updateError(err error) error { return fmt.Errorf("failed to update partitions: %w", err) }
