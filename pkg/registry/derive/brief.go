// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"fmt"
	"unicode/utf8"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Roll-ups read a bounded part of a report, so that one agent costs the others no more
// than any other does. An honest report is below every bound but the one on texts; the
// BundleDeployment shows the report whole.
const (
	// MostObjects is how many of a report's resources roll-ups list.
	MostObjects = 1000
	// objectBytes is how long the names of these are together.
	objectBytes = 128 << 10
	// MostNamed is how many objects of a report are named as modified, and how many as
	// not ready: agents send no more.
	MostNamed = 10
	// MostText is how many bytes of JSON a message or a patch takes.
	MostText = 4 << 10
	// explanationBytes is how many bytes of JSON all that explains one report takes.
	explanationBytes = 32 << 10
)

// Explanation is what of a report explains the state of its BundleDeployment.
type Explanation struct {
	// Messages of the conditions of these types.
	Deployed, Installed, Monitored string

	ModifiedStatus []v1alpha1.ModifiedStatus
	NonReadyStatus []v1alpha1.NonReadyStatus
}

// Explain takes out of a report what explains it, within its bounds. It shares texts with
// the report.
func Explain(status *v1alpha1.BundleDeploymentStatus) *Explanation {
	text := func(kind string) string {
		if c := find(status.Conditions, kind); c != nil {
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

// entrySize is what the names of an entry's fields take.
const entrySize = 64

// within returns the first entries of a list that fit, each as cut makes it, and takes
// off what they need.
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

// Listed returns those resources of a report that roll-ups list.
func Listed(status *v1alpha1.BundleDeploymentStatus) []v1alpha1.BundleDeploymentResource {
	list, _ := listed(status)
	return list
}

func listed(status *v1alpha1.BundleDeploymentStatus) (list []v1alpha1.BundleDeploymentResource, bytes int) {
	list = status.Resources
	if len(list) > MostObjects {
		list = list[:MostObjects:MostObjects]
	}
	for i := range list {
		r := &list[i]
		size := len(r.Kind) + len(r.APIVersion) + len(r.Namespace) + len(r.Name)
		if bytes+size > objectBytes {
			return list[:i:i], bytes
		}
		bytes += size
	}
	return list, bytes
}

// Brief returns a report that has nothing but what roll-ups read, and of which they read
// the same. It has no deployment ID: that is in the Gist.
func Brief(status *v1alpha1.BundleDeploymentStatus) *v1alpha1.BundleDeploymentStatus {
	said := Explain(status)
	out := &v1alpha1.BundleDeploymentStatus{
		ModifiedStatus: said.ModifiedStatus, NonReadyStatus: said.NonReadyStatus,
		IncompleteState: Incomplete(status),
	}
	for _, r := range Listed(status) {
		out.Resources = append(out.Resources, v1alpha1.BundleDeploymentResource{Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name})
	}
	for _, c := range []v1alpha1.GenericCondition{
		{Type: conditionDeployed, Message: said.Deployed},
		{Type: conditionInstalled, Message: said.Installed},
		{Type: conditionMonitored, Message: said.Monitored},
	} {
		if c.Message != "" {
			out.Conditions = append(out.Conditions, c)
		}
	}
	return out
}

// Incomplete reports whether the agent, or a bound, has cut what is said of the objects.
func Incomplete(status *v1alpha1.BundleDeploymentStatus) bool {
	if status.IncompleteState {
		return true
	}
	if len(status.Resources) == 0 && len(status.ModifiedStatus)+len(status.NonReadyStatus) == 0 {
		return false
	}
	said := Explain(status)
	return len(Listed(status)) < len(status.Resources) || said.leaves(status) > 0
}

// leaves is how many objects a report names that the explanation of it does not.
func (e *Explanation) leaves(status *v1alpha1.BundleDeploymentStatus) int {
	return len(status.ModifiedStatus) - len(e.ModifiedStatus) + len(status.NonReadyStatus) - len(e.NonReadyStatus)
}

// TextSize is how many bytes texts take in JSON, at most.
func TextSize(texts ...string) int {
	n := 0
	for _, text := range texts {
		for i := range len(text) {
			n += int(jsonSizes[text[i]])
		}
	}
	return n
}

// jsonSizes are what bytes take in JSON, at most.
var jsonSizes = func() (sizes [256]uint8) {
	for i := range sizes {
		switch c := byte(i); {
		case c < ' ', c == '<', c == '>', c == '&':
			sizes[i] = 6
		case c == '"', c == '\\', c >= utf8.RuneSelf:
			sizes[i] = 2
		default:
			sizes[i] = 1
		}
	}
	return sizes
}()

// moreText is room to say how much of a text was cut.
const moreText = 40

// cutText returns a text that takes at most MostText bytes of JSON, and says how much it
// left out.
func cutText(text string) string {
	if len(text) <= MostText/6 || TextSize(text) <= MostText {
		return text
	}
	size, end := 0, 0
	for i := range text { // at whole characters
		end = i
		if size > MostText-moreText-6*utf8.UTFMax {
			break
		}
		_, n := utf8.DecodeRuneInString(text[i:])
		size += TextSize(text[i : i+n])
	}
	return fmt.Sprintf("%s... (%d more bytes)", text[:end], len(text)-end)
}

// cutTexts returns the first of some texts, so that all take at most MostText; one that is
// longer than that alone is cut and comes last.
func cutTexts(texts []string) []string {
	left := MostText
	for i, text := range texts {
		cut := cutText(text)
		if size := TextSize(cut) + 3; size > left {
			return texts[:i:i]
		} else if left -= size; len(cut) != len(text) {
			return append(append([]string(nil), texts[:i]...), cut)
		}
	}
	return texts
}
