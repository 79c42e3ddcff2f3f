// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Reasons in a form to refuse a value. The first two are followed by what would be right.
const (
	refusedType  = "type "
	refusedRange = "range "
	refusedGone  = "required"
	refusedEmpty = "empty"
)

// Unmarshal decodes an object from its JSON into plain, a pointer to its struct, and
// returns how it was written. A value that the Go type cannot hold becomes empty, and the
// form gets a refusal. Only metadata that the type cannot hold is an error.
func Unmarshal(text []byte, plain any) (Form, error) {
	var tree any
	if err := utiljson.Unmarshal(text, &tree); err != nil {
		return "", err
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return "", utiljson.Unmarshal(text, plain)
	}
	var r reader
	e := r.object(object, reflect.TypeOf(plain).Elem())
	if r.refit {
		var err error
		if text, err = json.Marshal(object); err != nil {
			return "", err
		}
	}
	if err := utiljson.Unmarshal(text, plain); err != nil {
		return "", err
	}
	return e.form()
}

// reader compares a tree with a type, and changes the tree to what the type can hold.
type reader struct {
	// refit is true once the tree has changed.
	refit bool
	// strict collects in unknown the members that the type does not have.
	strict  bool
	path    []string
	unknown []string
}

// object reads an object of the API. The edits for its status are kept only where they are
// refusals.
func (r *reader) object(v map[string]any, t reflect.Type) *edit {
	e := r.members(v, t, func(m *member) bool { return m.typ == objectMeta || m.name == "apiVersion" || m.name == "kind" })
	if e == nil {
		return nil
	}
	if status := e.Members["status"]; status != nil {
		delete(e.Members, "status")
		e.member("status", status.refusals())
		if len(e.Members) == 0 {
			return nil
		}
	}
	return e
}

// members reads an object that becomes a struct. Members for which typed is true have no
// form.
func (r *reader) members(v map[string]any, t reflect.Type, typed func(*member) bool) *edit {
	s := shapeOf(t)
	var e *edit
	for name, below := range v {
		at, known := s.at[name]
		if !known {
			r.note(name)
			continue
		}
		m := &s.members[at]
		if typed != nil && typed(m) {
			if r.strict && m.typ == objectMeta {
				if object, ok := below.(map[string]any); ok {
					r.within(name, func() *edit { return r.members(object, m.typ, nil) })
				}
			}
			continue
		}
		if below == nil && !m.nullable {
			// Continue as if the member were absent.
			delete(v, name)
			r.refit = true
			continue
		}
		e = e.member(name, r.within(name, func() *edit { return r.field(v, m, below) }))
	}
	for i := range s.members {
		m := &s.members[i]
		if _, have := v[m.name]; have || typed != nil && typed(m) || e != nil && e.Members[m.name] != nil {
			continue // the member is present, or was refused
		}
		switch {
		case m.required:
			e = e.member(m.name, &edit{Absent: true, Refusal: refusedGone})
		case !m.omitted:
			e = e.member(m.name, &edit{Absent: true})
		case m.typ.Kind() == reflect.Struct && read(m.typ):
			// encoding/json never leaves out a struct.
			if zero, err := json.Marshal(reflect.Zero(m.typ).Interface()); err == nil {
				e = e.member(m.name, &edit{Absent: true, From: zero})
			}
		}
	}
	return e
}

func (r *reader) within(name string, do func() *edit) *edit {
	if r.strict {
		r.path = append(r.path, name)
		defer func() { r.path = r.path[:len(r.path)-1] }()
	}
	return do()
}

// maxUnknown bounds how many unknown members an answer names.
const maxUnknown = 100

func (r *reader) note(name string) {
	if r.strict && len(r.unknown) < maxUnknown {
		path := strings.ReplaceAll(strings.Join(append(slices.Clone(r.path), name), "."), ".[", "[")
		r.unknown = append(r.unknown, path)
	}
}

// field reads the value of one member of an object.
func (r *reader) field(v map[string]any, m *member, below any) *edit {
	if below == nil {
		if m.omitted || m.typ.Kind() != reflect.Pointer {
			return &edit{Value: json.RawMessage("null")}
		}
		return nil
	}
	next, remains, e := r.value(below, m.typ)
	switch {
	case !remains:
		delete(v, m.name)
		r.refit = true
	case changed(below, next):
		v[m.name] = next
		r.refit = true
	}
	if e == nil && zero(below) && (m.omitted || m.nonempty) && m.typ.Kind() != reflect.Pointer && m.typ.Kind() != reflect.Struct {
		e = writtenAs(below)
		if m.nonempty {
			e.Refusal = refusedEmpty
		}
	}
	return e
}

// zero reports whether the JSON of a Go type may leave out the value.
func zero(v any) bool {
	if object, ok := v.(map[string]any); ok {
		return len(object) == 0
	}
	return empty(v)
}

// changed reports whether a scalar was replaced.
func changed(from, to any) bool {
	if _, float := from.(float64); float {
		return from != to
	}
	return false
}

// writtenAs returns an edit that puts a value where the Go type has none.
func writtenAs(v any) *edit {
	text, err := json.Marshal(v)
	if err != nil {
		return nil // only numbers that JSON does not have cannot be encoded
	}
	return &edit{Value: text}
}

func refuse(v any, why string) (any, bool, *edit) {
	e := writtenAs(scalar(v))
	e.Refusal = why
	return nil, false, e
}

// scalar returns what stands for a value in a refusal. An answer names only the type, so
// nothing large has to be kept.
func scalar(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return map[string]any{}
	case []any:
		return []any{}
	case string:
		return v[:min(len(v), 64)]
	}
	return v
}

// value reads a value that is not null. It returns what the type can hold of it, and
// whether that is anything.
func (r *reader) value(v any, t reflect.Type) (any, bool, *edit) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	wrong := func() (any, bool, *edit) { return refuse(v, refusedType+nameOf(t)) }
	if read(t) {
		return r.own(v, t)
	}
	switch t.Kind() {
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			return wrong()
		}
	case reflect.String:
		if _, ok := v.(string); !ok {
			return wrong()
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return number(v, t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return encoded(v, t)
		}
		items, ok := v.([]any)
		if !ok {
			return wrong()
		}
		return items, true, r.items(items, t.Elem())
	case reflect.Map:
		members, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		return members, true, r.entries(members, t.Elem())
	case reflect.Struct:
		members, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		return members, true, r.members(members, t, nil)
	}
	return v, true, nil
}

// items reads the items of a list. An item that the type cannot hold becomes null, which
// decodes as an empty one.
func (r *reader) items(items []any, t reflect.Type) *edit {
	var e *edit
	for i, v := range items {
		if v == nil {
			_, _, refused := refuse(v, refusedType+nameOf(t))
			e = e.item(i, refused)
			continue
		}
		e = e.item(i, r.within("["+strconv.Itoa(i)+"]", func() *edit {
			next, remains, below := r.value(v, t)
			if !remains || changed(v, next) {
				items[i] = next
				r.refit = true
			}
			return below
		}))
	}
	return e
}

func (r *reader) entries(members map[string]any, t reflect.Type) *edit {
	var e *edit
	for name, v := range members {
		if v == nil {
			delete(members, name)
			r.refit = true
			continue
		}
		e = e.member(name, r.within(name, func() *edit {
			next, remains, below := r.value(v, t)
			switch {
			case !remains:
				delete(members, name)
				r.refit = true
			case changed(v, next):
				members[name] = next
				r.refit = true
			}
			return below
		}))
	}
	return e
}

func number(v any, t reflect.Type) (any, bool, *edit) {
	var n int64
	switch v := v.(type) {
	case int64:
		n = v
	case float64:
		if !integral(v) {
			return refuse(v, refusedType+"an integer")
		}
		if math.Abs(v) >= 1<<63 {
			return refuse(v, refusedRange+nameOf(t))
		}
		n = int64(v)
	default:
		return refuse(v, refusedType+"an integer")
	}
	if reflect.Zero(t).OverflowInt(n) {
		return refuse(v, refusedRange+"an integer of "+strconv.Itoa(t.Bits())+" bits")
	}
	return n, true, nil
}

func integral(v float64) bool { return v == math.Trunc(v) && !math.IsInf(v, 0) }

// encoded reads bytes in base64. Texts that are not canonical decode to the same bytes.
func encoded(v any, t reflect.Type) (any, bool, *edit) {
	text, ok := v.(string)
	if !ok || strings.ContainsAny(text, "\r\n") {
		return refuse(v, refusedType+nameOf(t))
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return refuse(v, refusedType+nameOf(t))
	}
	if canonical := base64.StdEncoding.EncodeToString(data); canonical != text {
		return v, true, replaced(v, canonical)
	}
	return v, true, nil
}

// own reads a value whose type decodes its JSON itself.
func (r *reader) own(v any, t reflect.Type) (any, bool, *edit) {
	if n, float := v.(float64); float && integral(n) && math.Abs(n) < 1<<63 && t.Kind() == reflect.Struct {
		v = int64(n) // 3.0, where the client means an integer
	}
	free := t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Type.Kind() == reflect.Map
	if _, float := v.(float64); float && !free {
		return refuse(v, refusedType+nameOf(t)) // none of them accepts a fraction
	}
	text, err := json.Marshal(v)
	if err != nil {
		return refuse(v, refusedType+nameOf(t))
	}
	typed := reflect.New(t)
	if err := typed.Interface().(json.Unmarshaler).UnmarshalJSON(text); err != nil {
		if _, integer := v.(int64); integer && t.Name() == "IntOrString" {
			return refuse(v, refusedRange+"an integer of 32 bits, or a string")
		}
		return refuse(v, refusedType+nameOf(t))
	}
	if free {
		return v, true, nil // it is kept as it is
	}
	again, err := json.Marshal(typed.Interface())
	if err != nil || string(again) == string(text) {
		return v, true, nil
	}
	return v, true, &edit{Value: text, From: again}
}

// replaced returns an edit that puts back a value that the Go type would change.
func replaced(v, by any) *edit {
	e := writtenAs(v)
	e.From, _ = json.Marshal(by)
	return e
}
