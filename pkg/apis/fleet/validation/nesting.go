// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// maxNesting is the largest number of levels below a free-form object: Fleet follows labels
// that deep (S 12). The YAML of a deeper object grows, by its indentation, with the square
// of its size.
const maxNesting = 50

// validateNesting refuses a free-form object that nests too deeply. A level is an object in
// another object, whether or not a list is in between, or a list in a list.
func validateNesting(path *field.Path, m *v1alpha1.GenericMap) field.ErrorList {
	if m == nil || !deeper(m.Data, false, maxNesting+1) {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, fmt.Sprintf("nests more than %d levels deep; put what is below that into a string, or flatten it", maxNesting))}
}

// deeper reports whether a value takes more than the levels that are left. It stops at the
// first value that does.
func deeper(v any, inList bool, left int) bool {
	switch v := v.(type) {
	case map[string]any:
		if left == 0 {
			return true
		}
		for _, below := range v {
			if deeper(below, false, left-1) {
				return true
			}
		}
	case []any:
		if inList {
			if left == 0 {
				return true
			}
			left--
		}
		for _, below := range v {
			if deeper(below, true, left) {
				return true
			}
		}
	}
	return false
}
