// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// warnRollout warns about limits that stop a roll-out (S 6.1) and about partitions without
// members.
func (w *warnings) warnRollout(path *field.Path, r *v1alpha1.RolloutStrategy) {
	if r == nil {
		return
	}
	w.warnLimit(path.Child("maxUnavailable"), r.MaxUnavailable)
	w.warnLimit(path.Child("maxUnavailablePartitions"), r.MaxUnavailablePartitions)
	w.warnLimit(path.Child("autoPartitionSize"), r.AutoPartitionSize)
	for i := range r.Partitions {
		p, at := &r.Partitions[i], path.Child("partitions").Index(i)
		w.warnLimit(at.Child("maxUnavailable"), p.MaxUnavailable)
		w.warnCriteria(at, p.ClusterCriteria)
	}
}

// warnLimit warns about a limit that is neither a number nor a percentage. Text is a number
// only above zero: "0" and "-1" are not (S 6.1).
func (w *warnings) warnLimit(path *field.Path, limit *intstr.IntOrString) {
	if limit == nil || limit.Type == intstr.Int {
		return
	}
	if n, err := strconv.Atoi(limit.StrVal); err == nil && n > 0 {
		return
	}
	if percent, ok := strings.CutSuffix(limit.StrVal, "%"); ok {
		if _, err := strconv.ParseFloat(percent, 64); err == nil {
			return
		}
	}
	w.add(path, `%q is neither a number nor a percentage; use for example 3 or "25%%"`, limit.StrVal)
}
