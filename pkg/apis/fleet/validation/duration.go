// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// durationRule states the rule V-dur (S 1.3) in words.
const durationRule = "must be a valid Go duration, like 15m or 1h30m (1 to 32 characters; ns, us, ms, s, m, h; no sign; at most 2562047h)"

// validateDuration applies the rule V-dur (S 1.3). A nil duration is valid.
func validateDuration(path *field.Path, d *v1alpha1.Duration) field.ErrorList {
	if d == nil {
		return nil
	}
	if _, err := d.Duration(); err == nil {
		return nil
	}
	e := field.Invalid(path, string(*d), durationRule)
	if utf8.RuneCountInString(string(*d)) > v1alpha1.MaxDurationLength {
		// An error of this type leaves out the value, however long it is.
		e.Type = field.ErrorTypeTooLong
	}
	return field.ErrorList{e}
}
