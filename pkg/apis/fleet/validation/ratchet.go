// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// indexes match the positions in a field's path: "[0]", "[web]".
var indexes = regexp.MustCompile(`\[[^\]]*\]`)

// Ratchet returns the errors that the old object did not already have.
//
// An error is old if the old object has an error of the same kind for the same value of the
// same field. Positions in lists do not count: an entry that was always invalid does not
// block an update that puts another one before it. Each old error excuses only one new
// error, so a second invalid entry is refused.
func Ratchet(errs, old field.ErrorList) field.ErrorList {
	excused := make(map[string]int, len(old))
	for _, e := range old {
		excused[errorKey(e)]++
	}
	var kept field.ErrorList
	for _, e := range errs {
		if key := errorKey(e); excused[key] > 0 {
			excused[key]--
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

func errorKey(e *field.Error) string {
	return fmt.Sprintf("%s\x00%s\x00%#v\x00%s", e.Type, indexes.ReplaceAllString(e.Field, "[]"), e.BadValue, e.Detail)
}
