// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Form records how an object was written where that differs from the JSON of its Go type.
// It is itself JSON: a tree of edits. Two objects that were written alike have equal forms.
// An empty form means that nothing differs.
//
// An edit applies only where the Go value is empty, so a form leaves alone a field that a
// program has set since.
type Form string

// edit is a node of a form.
type edit struct {
	// Members are the edits below an object, Items those below a list.
	Members map[string]*edit `json:"m,omitempty"`
	Items   map[int]*edit    `json:"i,omitempty"`
	// Value holds the JSON that the client wrote.
	Value json.RawMessage `json:"v,omitempty"`
	// From holds the JSON that the Go type produces for it, if that is not empty.
	From json.RawMessage `json:"f,omitempty"`
	// Absent means that the client wrote nothing, though the Go type produces a value.
	Absent bool `json:"d,omitempty"`
	// Refusal says why the schema refuses what the client wrote.
	Refusal string `json:"x,omitempty"`
}

func (e *edit) member(name string, below *edit) *edit {
	if below == nil {
		return e
	}
	if e == nil {
		e = &edit{}
	}
	if e.Members == nil {
		e.Members = map[string]*edit{}
	}
	e.Members[name] = below
	return e
}

func (e *edit) item(i int, below *edit) *edit {
	if below == nil {
		return e
	}
	if e == nil {
		e = &edit{}
	}
	if e.Items == nil {
		e.Items = map[int]*edit{}
	}
	e.Items[i] = below
	return e
}

// refusals returns the edits that hold a refusal, nil if none does.
func (e *edit) refusals() *edit {
	if e == nil || e.Refusal != "" {
		return e
	}
	var out *edit
	for name, below := range e.Members {
		out = out.member(name, below.refusals())
	}
	for i, below := range e.Items {
		out = out.item(i, below.refusals())
	}
	return out
}

func (e *edit) form() (Form, error) {
	if e == nil {
		return "", nil
	}
	text, err := json.Marshal(e)
	return Form(text), err
}

func (f Form) edits() (*edit, error) {
	if f == "" {
		return nil, nil
	}
	e := new(edit)
	if err := json.Unmarshal([]byte(f), e); err != nil {
		return nil, fmt.Errorf("decode the written form of an object: %w", err)
	}
	return e, nil
}

// Split returns the form without its edits for one top-level member, and the edits for that
// member. If the form cannot be read, Split returns it whole as the first part.
func (f Form) Split(name string) (rest, part Form) {
	e, err := f.edits()
	if err != nil || e == nil || e.Members[name] == nil {
		return f, ""
	}
	part, err = (*edit)(nil).member(name, e.Members[name]).form()
	if err != nil {
		return f, ""
	}
	if e.Members = maps.Clone(e.Members); len(e.Members) == 1 {
		return "", part
	}
	delete(e.Members, name)
	if rest, err = e.form(); err != nil {
		return f, ""
	}
	return rest, part
}

// Without returns the form without its edits for one field, given as the names of the members
// that lead to it. If the form cannot be read, Without returns it whole.
func (f Form) Without(path ...string) Form {
	e, err := f.edits()
	if err != nil || e == nil {
		return f
	}
	out, err := e.without(path).form()
	if err != nil {
		return f
	}
	return out
}

// without returns the edits without those below a path, nil if nothing remains.
func (e *edit) without(path []string) *edit {
	if e == nil || len(path) == 0 {
		return nil
	}
	if e.Members[path[0]] == nil {
		return e
	}
	out := *e
	out.Members = maps.Clone(e.Members)
	if below := e.Members[path[0]].without(path[1:]); below != nil {
		out.Members[path[0]] = below
		return &out
	}
	delete(out.Members, path[0])
	if len(out.Members)+len(out.Items) == 0 && out.Value == nil && out.From == nil && !out.Absent && out.Refusal == "" {
		return nil
	}
	return &out
}

// Marshal returns the JSON of an object as the client wrote it: the JSON of plain, with the
// edits of the form applied. A form that cannot be read counts as empty, so it makes no
// object unreadable.
func Marshal(plain any, f Form) ([]byte, error) {
	text, err := json.Marshal(plain)
	if err != nil || f == "" {
		return text, err
	}
	e, err := f.edits()
	if err != nil {
		return text, nil
	}
	var tree map[string]any
	if err := utiljson.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	applied, err := e.apply(tree)
	if err != nil {
		return nil, err
	}
	return json.Marshal(applied)
}

// apply applies the edits below a value.
func (e *edit) apply(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		// The order is fixed, so the first error is always the same.
		for _, name := range slices.Sorted(maps.Keys(e.Members)) {
			below, have := v[name]
			switch next, keep, err := e.Members[name].on(below, have); {
			case err != nil:
				return nil, err
			case keep:
				v[name] = next
			default:
				delete(v, name)
			}
		}
	case []any:
		for i, below := range e.Items {
			if i < 0 || i >= len(v) {
				continue
			}
			next, _, err := below.on(v[i], true)
			if err != nil {
				return nil, err
			}
			v[i] = next
		}
	}
	return v, nil
}

// on applies the edit to a value, and returns the result and whether it remains.
func (e *edit) on(v any, have bool) (any, bool, error) {
	switch {
	case e.Refusal != "":
		return v, have, nil // the object is about to be refused
	case e.Absent && e.From == nil:
		return v, have && !empty(v), nil
	case e.From != nil:
		text, err := json.Marshal(v)
		if err != nil || string(text) != string(e.From) {
			return v, have, err
		}
		if e.Absent {
			return nil, false, nil
		}
	case e.Value != nil:
		if have && !empty(v) {
			return v, true, nil
		}
	case !have:
		return nil, false, nil
	default:
		next, err := e.apply(v)
		return next, true, err
	}
	var written any
	err := utiljson.Unmarshal(e.Value, &written)
	return written, true, err
}

// empty reports whether a JSON value says nothing: a zero, or an object that holds only
// zeros.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, below := range v {
			if !empty(below) {
				return false
			}
		}
		return true
	}
	return false
}
