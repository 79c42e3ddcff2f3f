// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"errors"
	"regexp"
	"regexp/syntax"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// warnPatterns warns about patterns that are not regular expressions. Such a pattern still
// allows the text that equals it (S 10.1).
func (w *warnings) warnPatterns(path *field.Path, patterns []string) {
	for i, p := range patterns {
		if msg := patternError(p); msg != "" {
			w.add(path.Index(i), "%q is not a regular expression (%s) and allows only this very text; correct it", p, msg)
		}
	}
}

// patternError returns what is wrong with a regular expression, without the expression, or
// "" if nothing is.
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
