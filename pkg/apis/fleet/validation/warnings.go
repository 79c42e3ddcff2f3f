// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxWarnings bounds the warnings that answer one write: they travel in HTTP headers, and a
// Bundle may have thousands of targets.
const maxWarnings = 16

// warnings collects texts of the form "path.to.field: what is wrong; the fix".
type warnings struct {
	texts []string
	more  int
}

func (w *warnings) add(path *field.Path, format string, args ...any) {
	if len(w.texts) == maxWarnings {
		w.more++
		return
	}
	w.texts = append(w.texts, path.String()+": "+fmt.Sprintf(format, args...))
}

// list returns the warnings in the order in which they were added, and at the end the
// number of the others.
func (w *warnings) list() []string {
	if w.more == 0 {
		return w.texts
	}
	return append(w.texts, fmt.Sprintf("and %d more warnings like these", w.more))
}
