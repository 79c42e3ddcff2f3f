// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// Entries is the most members that a summary lists, all of them not ready.
const Entries = 10

// texts is the most objects of each kind that a message names for one entry.
const texts = 4

// The names in messages for what a summary counts.
const (
	// OfClusters is for the summary of a Bundle.
	OfClusters = "Cluster"
	// OfBundles is for all other summaries.
	OfBundles = "Bundle"
)

const (
	conditionReady     = "Ready"
	conditionProcessed = "Processed"

	statusTrue  = "True"
	statusFalse = "False"

	reasonError = "Error"
)

// ranking holds the states from best to worst.
var ranking = [...]v1alpha1.BundleState{
	v1alpha1.Ready, v1alpha1.NotReady, v1alpha1.Pending, v1alpha1.OutOfSync, v1alpha1.Modified, v1alpha1.WaitApplied, v1alpha1.ErrApplied,
}

// Summary returns a summary with the counters of sum and the first of the entries.
func Summary(sum Weight, first []v1alpha1.NonReadyResource) v1alpha1.BundleSummary {
	s := counted(sum)
	s.NonReadyResources = cut(first, Entries)
	return s
}

func counted(sum Weight) v1alpha1.BundleSummary {
	return v1alpha1.BundleSummary{
		NotReady:     int(sum.NotReady),
		WaitApplied:  int(sum.WaitApplied),
		ErrApplied:   int(sum.ErrApplied),
		OutOfSync:    int(sum.OutOfSync),
		Modified:     int(sum.Modified),
		Ready:        int(sum.Ready),
		Pending:      int(sum.Pending),
		DesiredReady: sum.Total(),
	}
}

// cut returns the first n elements of a list. It returns nil for an empty list, as a round
// trip through JSON does.
func cut[T any](list []T, n int) []T {
	if len(list) == 0 {
		return nil
	}
	n = min(n, len(list))
	return list[:n:n]
}

// SameEntries reports whether two lists of entries show the same. An edit of a Bundle calls
// it for each of its Clusters, so it compares texts before it uses reflection.
func SameEntries(a, b []v1alpha1.NonReadyResource) bool {
	return slices.EqualFunc(a, b, func(x, y v1alpha1.NonReadyResource) bool {
		return x.Name == y.Name && x.State == y.State && x.Message == y.Message &&
			sameList(x.ModifiedStatus, y.ModifiedStatus) && sameList(x.NonReadyStatus, y.NonReadyStatus)
	})
}

// sameList reports whether two reported lists are equal. Usually both are empty or the same
// list.
func sameList[T any](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	return len(a) == 0 || &a[0] == &b[0] || equality.Semantic.DeepEqual(a, b)
}

// WorstState returns the worst state among entries, or "" without entries.
func WorstState(entries []v1alpha1.NonReadyResource) v1alpha1.BundleState {
	worst := -1
	for i := range entries {
		worst = max(worst, slices.Index(ranking[:], entries[i].State))
	}
	if worst < 0 {
		return ""
	}
	return ranking[worst]
}

// ReadyCondition returns the Ready condition that follows from a summary. It has no times:
// these say when a stored condition changed, and this condition is not stored.
func ReadyCondition(summary v1alpha1.BundleSummary, kind string) v1alpha1.GenericCondition {
	text := readyMessage(summary, kind)
	status := statusTrue
	if text != "" {
		status = statusFalse
	}
	return v1alpha1.GenericCondition{Type: conditionReady, Status: status, Message: text}
}

// readyMessage returns the message of S 7.2, which names the first entry of each state. It
// does not mention a state that no entry is in, whatever its count.
func readyMessage(summary v1alpha1.BundleSummary, kind string) string {
	var items []string
	for _, state := range ranking[1:] {
		n := count(&summary, state)
		at := slices.IndexFunc(summary.NonReadyResources, func(e v1alpha1.NonReadyResource) bool { return e.State == state })
		if n <= 0 || at < 0 {
			continue
		}
		entry := &summary.NonReadyResources[at]
		name := kind + " " + entry.Name
		if entry.Message != "" {
			name += ": " + entry.Message
		}
		items = append(items, fmt.Sprintf("%s(%d) [%s]", state, n, name))
		for _, m := range cut(entry.ModifiedStatus, texts) {
			items = append(items, modified(m))
		}
		for _, r := range cut(entry.NonReadyStatus, texts) {
			items = append(items, nonReady(r))
		}
	}
	slices.Sort(items)
	return strings.Join(items, "; ")
}

func count(s *v1alpha1.BundleSummary, state v1alpha1.BundleState) int {
	switch state {
	case v1alpha1.NotReady:
		return s.NotReady
	case v1alpha1.WaitApplied:
		return s.WaitApplied
	case v1alpha1.ErrApplied:
		return s.ErrApplied
	case v1alpha1.OutOfSync:
		return s.OutOfSync
	case v1alpha1.Modified:
		return s.Modified
	case v1alpha1.Pending:
		return s.Pending
	case v1alpha1.Ready:
		return s.Ready
	}
	return 0
}

// WithCondition returns a copy of conditions with c in the place of the condition of its
// type, or at the end if there was none.
func WithCondition(conditions []v1alpha1.GenericCondition, c v1alpha1.GenericCondition) []v1alpha1.GenericCondition {
	out := make([]v1alpha1.GenericCondition, len(conditions), len(conditions)+1)
	copy(out, conditions)
	if was := reports.Condition(out, c.Type); was != nil {
		*was = c
		return out
	}
	return append(out, c)
}

// processed returns the Processed condition of an object whose roll-up worked, or failed
// with a message.
func processed(failure string) v1alpha1.GenericCondition {
	if failure == "" {
		return v1alpha1.GenericCondition{Type: conditionProcessed, Status: statusTrue}
	}
	return v1alpha1.GenericCondition{Type: conditionProcessed, Status: statusFalse, Reason: reasonError, Message: failure}
}

// Readiness counts what is ready, and what should be.
type Readiness struct{ Ready, Desired int }

// String returns it as tables show it: 3/4.
func (r Readiness) String() string { return fmt.Sprintf("%d/%d", r.Ready, r.Desired) }

func readiness(s *v1alpha1.BundleSummary) string {
	return Readiness{Ready: s.Ready, Desired: s.DesiredReady}.String()
}
