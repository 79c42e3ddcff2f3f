// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"errors"
	"regexp"
	"regexp/syntax"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// warnPatterns warns of patterns that are no regular expressions. Such a pattern
// still allows the very text that it is (S 10.1).
func (w *warnings) warnPatterns(path *field.Path, patterns []string) {
	for i, p := range patterns {
		if msg := patternError(p); msg != "" {
			w.add(path.Index(i), "%q is not a regular expression (%s) and allows only this very text; correct it", p, msg)
		}
	}
}

// patternError says what is wrong with a regular expression, without the
// expression itself, or returns "".
func patternError(pattern string) string {
	_, err := regexp.Compile(pattern)
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return e.Code.String()
	}
	return err.Error()
}
