// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

// Explanation is the part of a report that explains the state of its BundleDeployment.
type Explanation struct {
	// Messages of the conditions of these types.
	Deployed, Installed, Monitored string

	ModifiedStatus []v1alpha1.ModifiedStatus
	NonReadyStatus []v1alpha1.NonReadyStatus
}

// Explain returns the explanation in a report, within its bounds. It shares texts with
// the report.
func Explain(status *v1alpha1.BundleDeploymentStatus) *Explanation {
	text := func(kind string) string {
		if c := Condition(status.Conditions, kind); c != nil {
			return cutText(c.Message)
		}
		return ""
	}
	out := &Explanation{Deployed: text(conditionDeployed), Installed: text(conditionInstalled), Monitored: text(conditionMonitored)}
	left := explanationBytes - TextSize(out.Deployed) - TextSize(out.Installed) - TextSize(out.Monitored)
	out.ModifiedStatus = within(status.ModifiedStatus, &left, func(m *v1alpha1.ModifiedStatus) (v1alpha1.ModifiedStatus, int) {
		cut := *m
		cut.Patch = cutText(m.Patch)
		return cut, TextSize(m.Kind, m.APIVersion, m.Namespace, m.Name, cut.Patch)
	})
	out.NonReadyStatus = within(status.NonReadyStatus, &left, func(r *v1alpha1.NonReadyStatus) (v1alpha1.NonReadyStatus, int) {
		cut := *r
		cut.Summary.Message = cutTexts(r.Summary.Message)
		size := TextSize(string(r.UID), r.Kind, r.APIVersion, r.Namespace, r.Name, r.Summary.State)
		return cut, size + TextSize(cut.Summary.Message...)
	})
	return out
}

// entrySize is how many bytes the names of an entry's fields take.
const entrySize = 64

// within returns the first entries of a list that fit into left, each as cut makes it,
// and subtracts their sizes from left.
func within[T any](list []T, left *int, cut func(*T) (T, int)) []T {
	if len(list) == 0 {
		return nil
	}
	if len(list) > MostNamed {
		list = list[:MostNamed:MostNamed]
	}
	out := make([]T, 0, len(list))
	for i := range list {
		entry, size := cut(&list[i])
		if *left -= size + entrySize; *left < 0 {
			*left = 0
			break
		}
		out = append(out, entry)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (e *Explanation) unnamed(status *v1alpha1.BundleDeploymentStatus) int {
	return len(status.ModifiedStatus) - len(e.ModifiedStatus) + len(status.NonReadyStatus) - len(e.NonReadyStatus)
}

// size returns the length of all texts in bytes.
func (e *Explanation) size() int {
	n := len(e.Deployed) + len(e.Installed) + len(e.Monitored)
	for i := range e.ModifiedStatus {
		n += len(e.ModifiedStatus[i].Patch)
	}
	for i := range e.NonReadyStatus {
		for _, text := range e.NonReadyStatus[i].Summary.Message {
			n += len(text)
		}
	}
	return n
}
