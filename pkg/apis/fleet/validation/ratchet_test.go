// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestRatchet(t *testing.T) {
	t.Parallel()
	invalid := func(path, value string) *field.Error { return field.Invalid(field.NewPath(path), value, "no") }
	for _, tc := range []struct {
		name           string
		errs, old, out field.ErrorList
	}{{
		name: "all errors of a new object count",
		errs: field.ErrorList{invalid("a", "x"), invalid("b", "y")},
		out:  field.ErrorList{invalid("a", "x"), invalid("b", "y")},
	}, {
		name: "what was invalid and is unchanged is excused",
		errs: field.ErrorList{invalid("a", "x")},
		old:  field.ErrorList{invalid("a", "x")},
	}, {
		name: "what was invalid and is now invalid in another way is refused",
		errs: field.ErrorList{invalid("a", "z")},
		old:  field.ErrorList{invalid("a", "x")},
		out:  field.ErrorList{invalid("a", "z")},
	}, {
		name: "an error is excused only at its own field",
		errs: field.ErrorList{invalid("b", "x")},
		old:  field.ErrorList{invalid("a", "x")},
		out:  field.ErrorList{invalid("b", "x")},
	}, {
		name: "an entry that moves in its list is excused",
		errs: field.ErrorList{invalid("targets[1].helm", "x")},
		old:  field.ErrorList{invalid("targets[0].helm", "x")},
	}, {
		name: "a second entry with the same fault is refused",
		errs: field.ErrorList{invalid("targets[0].helm", "x"), invalid("targets[1].helm", "x")},
		old:  field.ErrorList{invalid("targets[0].helm", "x")},
		out:  field.ErrorList{invalid("targets[1].helm", "x")},
	}, {
		name: "another kind of error about the same value is refused",
		errs: field.ErrorList{field.TooLong(field.NewPath("a"), "x", 3)},
		old:  field.ErrorList{invalid("a", "x")},
		out:  field.ErrorList{field.TooLong(field.NewPath("a"), "x", 3)},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.out, Ratchet(tc.errs, tc.old))
		})
	}
}

func TestRatchetSeesThatALongNameHasChanged(t *testing.T) {
	t.Parallel()
	validate := func(letter string) field.ErrorList {
		return validateReleaseName(field.NewPath("spec"), strings.Repeat(letter, 60))
	}
	require.Empty(t, Ratchet(validate("a"), validate("a")))
	require.Len(t, Ratchet(validate("b"), validate("a")), 1)
}

func TestWarningsAreBounded(t *testing.T) {
	t.Parallel()
	var w warnings
	for i := range maxWarnings {
		w.add(field.NewPath("spec").Index(i), "wrong")
	}
	require.Len(t, w.list(), maxWarnings)
	require.Equal(t, "spec[0]: wrong", w.list()[0])
	for range 3 {
		w.add(field.NewPath("spec"), "wrong")
	}
	require.Len(t, w.list(), maxWarnings+1)
	require.Equal(t, "and 3 more warnings like these", w.list()[maxWarnings])
}
