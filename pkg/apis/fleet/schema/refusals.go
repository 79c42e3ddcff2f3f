// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxRefusals bounds how many fields one answer names.
const maxRefusals = 50

// Refusals returns the reasons why the schema refuses the object, each under its field.
func (f Form) Refusals() field.ErrorList {
	if !strings.Contains(string(f), `"x":`) {
		return nil
	}
	e, err := f.edits()
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	var out field.ErrorList
	e.collect(nil, &out)
	return out
}

func (e *edit) collect(at *field.Path, out *field.ErrorList) {
	if len(*out) >= maxRefusals {
		return
	}
	if e.Refusal != "" {
		*out = append(*out, e.refusal(at))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		e.Members[name].collect(at.Child(name), out)
	}
	for _, i := range slices.Sorted(maps.Keys(e.Items)) {
		e.Items[i].collect(at.Index(i), out)
	}
}

func (e *edit) refusal(at *field.Path) *field.Error {
	var v any
	if e.Value != nil {
		// A value that cannot be read is called null.
		_ = utiljson.Unmarshal(e.Value, &v)
	}
	if want, ok := strings.CutPrefix(e.Refusal, refusedType); ok {
		got := kindOf(v)
		if _, text := v.(string); text && want != "a string" && !strings.HasPrefix(want, "an ") && !strings.HasPrefix(want, "a boolean") && !strings.HasPrefix(want, "a list") {
			got = fmt.Sprint(v) // text of another format
		}
		return field.TypeInvalid(at, got, "must be "+want)
	}
	if want, ok := strings.CutPrefix(e.Refusal, refusedRange); ok {
		return field.Invalid(at, v, "must be "+want)
	}
	switch e.Refusal {
	case refusedGone:
		return field.Required(at, "set it")
	case refusedEmpty:
		return field.Invalid(at, v, "must not be empty; leave it out instead")
	}
	return field.Invalid(at, v, e.Refusal)
}

// Unknown returns the members of an object's JSON tree that its struct type does not have,
// as sorted paths. It changes the tree.
func Unknown(tree map[string]any, t reflect.Type) []string {
	r := reader{strict: true}
	r.object(tree, t)
	slices.Sort(r.unknown)
	return r.unknown
}
