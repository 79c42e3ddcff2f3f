// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// warnCriteria warns about criteria that never match (S 2.1), and about selectors that
// cannot be read.
func (w *warnings) warnCriteria(path *field.Path, c v1alpha1.ClusterCriteria) {
	if c == (v1alpha1.ClusterCriteria{}) {
		w.add(path, "never matches a cluster; set clusterName, clusterGroup, clusterSelector or clusterGroupSelector")
	}
	w.warnSelector(path.Child("clusterSelector"), c.ClusterSelector)
	w.warnSelector(path.Child("clusterGroupSelector"), c.ClusterGroupSelector)
}

// warnSelector warns about every part that makes metav1.LabelSelectorAsSelector fail. One
// such part makes the whole selector unreadable.
func (w *warnings) warnSelector(path *field.Path, s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	w.warnLabels(path.Child("matchLabels"), s.MatchLabels)
	for i := range s.MatchExpressions {
		w.warnRequirement(path.Child("matchExpressions").Index(i), &s.MatchExpressions[i])
	}
}

// warnRequirement warns about the first fault of the requirement.
func (w *warnings) warnRequirement(path *field.Path, r *metav1.LabelSelectorRequirement) {
	switch r.Operator {
	case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn:
		if len(r.Values) == 0 {
			w.add(path, "operator %s needs values; add at least one, or use Exists or DoesNotExist", r.Operator)
			return
		}
	case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			w.add(path, "operator %s takes no values; remove them, or use In or NotIn", r.Operator)
			return
		}
	default:
		w.add(path, "operator %q is not known; use In, NotIn, Exists or DoesNotExist", r.Operator)
		return
	}
	if msgs := validation.IsQualifiedName(r.Key); len(msgs) > 0 {
		w.add(path.Child("key"), "%q is not a label key: %s", r.Key, brief(msgs))
	}
	for i, v := range r.Values {
		if msgs := validation.IsValidLabelValue(v); len(msgs) > 0 {
			w.add(path.Child("values").Index(i), "%q is not a label value: %s", v, brief(msgs))
		}
	}
}

// warnLabels warns about keys and values that no object can carry as a label.
func (w *warnings) warnLabels(path *field.Path, labels map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if msgs := validation.IsQualifiedName(k); len(msgs) > 0 {
			w.add(path, "%q is not a label key: %s", k, brief(msgs))
		}
		if msgs := validation.IsValidLabelValue(labels[k]); len(msgs) > 0 {
			w.add(path.Key(k), "%q is not a label value: %s", labels[k], brief(msgs))
		}
	}
}

// brief returns the first message without its examples and its regular expression, which
// make up most of it.
func brief(msgs []string) string {
	msg, _, _ := strings.Cut(msgs[0], " (e.g. ")
	return msg
}
