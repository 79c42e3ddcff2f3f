// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// member holds one field of a struct, as JSON sees it.
type member struct {
	name string
	typ  reflect.Type
	// omitted is true if encoding/json leaves the field out when it is empty.
	omitted bool
	// nullable, required and nonempty come from the field's tag.
	nullable, required, nonempty bool
}

// shape holds what JSON can say of a struct.
type shape struct {
	members []member
	// at holds the index of each member, by its name.
	at map[string]int
}

var shapes sync.Map // holds *shape, by reflect.Type

// shapeOf returns the members of a struct type, including those of inlined structs.
func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := &shape{at: map[string]int{}}
	s.add(t)
	for i := range s.members {
		s.at[s.members[i].name] = i
	}
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape)
}

func (s *shape) add(t reflect.Type) {
	ours := strings.Contains(t.PkgPath(), "/pkg/apis/fleet/")
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
			continue
		case name == "" && f.Anonymous:
			s.add(f.Type)
			continue
		}
		m := member{name: name, typ: f.Type, omitted: slices.Contains(strings.Split(options, ","), "omitempty")}
		tag := strings.Split(f.Tag.Get("schema"), ",")
		m.nullable, m.nonempty = slices.Contains(tag, "nullable"), slices.Contains(tag, "nonempty")
		m.required = slices.Contains(tag, "required") || !ours && !m.omitted
		s.members = append(s.members, m)
	}
}

// read reports whether the type decodes its JSON itself.
func read(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshaler) }

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	objectMeta  = reflect.TypeFor[metav1.ObjectMeta]()
)

// nameOf names the JSON type that a Go type takes.
func nameOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string in base64"
		}
		return "a list"
	case reflect.Map:
		return "an object"
	case reflect.Struct:
		switch t.Name() {
		case "Time":
			return "a string with a date and a time (RFC 3339)"
		case "IntOrString":
			return "an integer or a string"
		case "Quantity":
			return `a quantity, like 1, "500m" or "1Gi"`
		}
		return "an object"
	default:
		return "an integer of 64 bits"
	}
}

// kindOf names the JSON type of a value.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case int64:
		return "integer"
	case float64:
		if integral(v) {
			return "integer"
		}
	}
	return "number"
}
