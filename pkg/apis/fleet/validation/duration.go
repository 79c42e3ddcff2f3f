// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxDuration is the largest number of whole hours that a duration can hold.
const maxDuration = 2562047 * time.Hour

// validateDuration applies the rule V-dur (S 1.2). Text that is no duration at
// all has not got this far: it cannot be decoded.
func validateDuration(path *field.Path, d *metav1.Duration) field.ErrorList {
	if d == nil || d.Duration >= 0 && d.Duration <= maxDuration {
		return nil
	}
	return field.ErrorList{field.Invalid(path, d.Duration.String(),
		`must be a valid Go duration without a sign, at most 2562047h; for example "15s", "5m" or "1h30m"`)}
}
