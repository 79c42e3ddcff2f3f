// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// skippedAnnotation names the labels that a Cluster does not get from its profile, with the
// reasons.
const skippedAnnotation = "muster.fleet.cattle.io/cluster-profile-skipped"

// young is the time for which a new profile takes no label away.
const young = time.Minute

// plan holds what is to be applied to a Cluster.
type plan struct {
	labels, skipped map[string]string
	// silent leaves the annotation to another manager.
	silent bool
	// again is the time after which the plan may be another although nothing has changed; 0 is
	// never.
	again time.Duration
}

// planFor returns what to apply to a Cluster for its profile, and false if it is applied
// already.
func (s *Settings) planFor(cluster metav1.Object, p *profile, now time.Time) (_ plan, needed bool, err error) {
	o, err := ownersOf(cluster)
	if err != nil {
		return plan{}, false, err
	}
	wanted, have := s.labelsOf(p), cluster.GetLabels()
	out := plan{labels: wanted.labels, skipped: wanted.skipped}
	rest := p.CreationTimestamp.Add(young).Sub(now)
	for key := range o.ours {
		value, exists := have[key]
		_, wants := wanted.labels[key]
		_, skipped := wanted.skipped[key]
		switch {
		case !exists || wants:
		case skipped, s.ofProperty(key) && len(p.properties) == 0:
			out.labels[key] = value
		case rest > 0:
			out.labels[key], out.again = value, rest
		}
	}
	for key, value := range out.labels {
		current, exists := have[key]
		if other, is := o.others[key]; is && exists && current != value {
			out.skip(key, fmt.Sprintf("the field manager %q owns it with another value", other))
		}
	}
	text := out.text()
	_, foreign := o.others[skippedAnnotation]
	current, annotated := cluster.GetAnnotations()[skippedAnnotation]
	out.silent = foreign && annotated && current != text
	same := out.silent || o.oursToo == (text != "") && (text == "" || current == text)
	return out, !same || !o.holds(out.labels, have), nil
}

// skip leaves out a label.
func (p *plan) skip(key, why string) {
	delete(p.labels, key)
	p.skipped[key] = why
}

// holds reports whether a Cluster's labels are those, and all that this package owns.
func (o *owners) holds(labels, have map[string]string) bool {
	if len(o.ours) != len(labels) {
		return false
	}
	for key, value := range labels {
		if now, exists := have[key]; !exists || now != value || !o.ours[key] {
			return false
		}
	}
	return true
}

// mostText limits the annotation, in bytes.
const mostText = 2048

// text returns the value of the annotation, "" for none.
func (p *plan) text() string {
	var all strings.Builder
	for i, key := range slices.Sorted(maps.Keys(p.skipped)) {
		line := key + ": " + p.skipped[key]
		if all.Len()+len(line) > mostText {
			fmt.Fprintf(&all, "; and %d more", len(p.skipped)-i)
			break
		}
		if i > 0 {
			all.WriteString("; ")
		}
		all.WriteString(line)
	}
	return all.String()
}
