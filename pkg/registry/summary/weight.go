// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

// Weight holds what one member adds to a roll-up, or what many add together. The counters
// of objects have 64 bits, because an agent may report any number.
type Weight struct {
	// The number of BundleDeployments in each state.
	Ready, NotReady, WaitApplied, ErrApplied, OutOfSync, Modified, Pending int32

	// Unavailable counts the BundleDeployments that exist but are unavailable (S 6.3).
	Unavailable int32
	// Outdated counts those that are missing, unavailable or not up to date. They hold a
	// partition back (S 6.4 c).
	Outdated int32

	// Listed counts the members that are not ready: BundleDeployments with an entry in the
	// summary or, in a group, Clusters with such entries.
	Listed int32

	// Resources counts the deployed objects.
	Resources v1alpha1.ResourceCounts
}

// Add adds o.
func (w *Weight) Add(o Weight) {
	w.Ready += o.Ready
	w.NotReady += o.NotReady
	w.WaitApplied += o.WaitApplied
	w.ErrApplied += o.ErrApplied
	w.OutOfSync += o.OutOfSync
	w.Modified += o.Modified
	w.Pending += o.Pending
	w.Unavailable += o.Unavailable
	w.Outdated += o.Outdated
	w.Listed += o.Listed
	AddResources(&w.Resources, o.Resources)
}

// Sub subtracts o.
func (w *Weight) Sub(o Weight) {
	w.Ready -= o.Ready
	w.NotReady -= o.NotReady
	w.WaitApplied -= o.WaitApplied
	w.ErrApplied -= o.ErrApplied
	w.OutOfSync -= o.OutOfSync
	w.Modified -= o.Modified
	w.Pending -= o.Pending
	w.Unavailable -= o.Unavailable
	w.Outdated -= o.Outdated
	w.Listed -= o.Listed
	w.Resources.Ready -= o.Resources.Ready
	w.Resources.DesiredReady -= o.Resources.DesiredReady
	w.Resources.WaitApplied -= o.Resources.WaitApplied
	w.Resources.Modified -= o.Resources.Modified
	w.Resources.Orphaned -= o.Resources.Orphaned
	w.Resources.Missing -= o.Resources.Missing
	w.Resources.Unknown -= o.Resources.Unknown
	w.Resources.NotReady -= o.Resources.NotReady
}

// Shown returns the part of a weight that a Cluster shows: the states of its
// BundleDeployments and of the objects that they deployed.
func (w Weight) Shown() Weight {
	w.Unavailable, w.Outdated, w.Listed = 0, 0, 0
	return w
}

// Total returns the number of BundleDeployments, including pending ones.
func (w Weight) Total() int {
	return int(w.Ready) + w.NonReady()
}

// NonReady returns the number of BundleDeployments that are not Ready.
func (w Weight) NonReady() int {
	return int(w.NotReady) + int(w.WaitApplied) + int(w.ErrApplied) + int(w.OutOfSync) + int(w.Modified) + int(w.Pending)
}

// In returns the number of BundleDeployments in a state.
func (w Weight) In(state v1alpha1.BundleState) int {
	if c := w.counter(state); c != nil {
		return int(*c)
	}
	return 0
}

// Worst returns the worst state of any BundleDeployment, or "" without BundleDeployments.
func (w Weight) Worst() v1alpha1.BundleState {
	for i := len(ranking) - 1; i >= 0; i-- {
		if w.In(ranking[i]) > 0 {
			return ranking[i]
		}
	}
	return ""
}

func (w *Weight) counter(state v1alpha1.BundleState) *int32 {
	switch state {
	case v1alpha1.Ready:
		return &w.Ready
	case v1alpha1.NotReady:
		return &w.NotReady
	case v1alpha1.WaitApplied:
		return &w.WaitApplied
	case v1alpha1.ErrApplied:
		return &w.ErrApplied
	case v1alpha1.OutOfSync:
		return &w.OutOfSync
	case v1alpha1.Modified:
		return &w.Modified
	case v1alpha1.Pending:
		return &w.Pending
	}
	return nil
}

// AddResources adds counts to sum, field by field.
func AddResources(sum *v1alpha1.ResourceCounts, counts v1alpha1.ResourceCounts) {
	sum.Ready += counts.Ready
	sum.DesiredReady += counts.DesiredReady
	sum.WaitApplied += counts.WaitApplied
	sum.Modified += counts.Modified
	sum.Orphaned += counts.Orphaned
	sum.Missing += counts.Missing
	sum.Unknown += counts.Unknown
	sum.NotReady += counts.NotReady
}
