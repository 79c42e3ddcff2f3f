// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
)

// comparisons replace those of text/template, with the same rules: integers compare by
// value whatever their signedness, other basic kinds only with their own kind, and nil with
// everything. The originals take any argument unweighed, and print arguments that they
// cannot compare.
var comparisons = map[string]any{
	"eq": equal,
	"ne": func(a, b any) (bool, error) {
		eq, err := equal(a, b)
		return !eq, err
	},
	"lt": less,
	"le": func(a, b any) (bool, error) {
		lt, err := less(a, b)
		if lt || err != nil {
			return lt, err
		}
		return equal(a, b)
	},
	"gt": func(a, b any) (bool, error) { return less(b, a) },
	"ge": func(a, b any) (bool, error) {
		lt, err := less(b, a)
		if lt || err != nil {
			return lt, err
		}
		return equal(a, b)
	},
}

var (
	errNotOrdered = errors.New("invalid type for comparison")
	errNoSecond   = errors.New("missing argument for comparison")
)

// kind says which values compare with each other.
type kind int

const (
	otherKind kind = iota
	boolKind
	complexKind
	integerKind
	floatKind
	stringKind
)

func kindOf(v reflect.Value) kind {
	switch {
	case !v.IsValid():
		return otherKind
	case v.Kind() == reflect.Bool:
		return boolKind
	case v.CanInt(), v.CanUint():
		return integerKind
	case v.CanFloat():
		return floatKind
	case v.CanComplex():
		return complexKind
	case v.Kind() == reflect.String:
		return stringKind
	}
	return otherKind
}

func equal(first any, others ...any) (bool, error) {
	if len(others) == 0 {
		return false, errNoSecond
	}
	a := reflect.ValueOf(first)
	for _, other := range others {
		b := reflect.ValueOf(other)
		eq, err := equalValues(a, b)
		if eq || err != nil {
			return eq, err
		}
	}
	return false, nil
}

func equalValues(a, b reflect.Value) (bool, error) {
	if !a.IsValid() || !b.IsValid() {
		return isNil(a) && isNil(b), nil
	}
	ka, kb := kindOf(a), kindOf(b)
	if ka != kb {
		return false, fmt.Errorf("incompatible types for comparison: %v and %v", a.Type(), b.Type())
	}
	switch ka {
	case boolKind:
		return a.Bool() == b.Bool(), nil
	case integerKind:
		return compareIntegers(a, b) == 0, nil
	case floatKind:
		return a.Float() == b.Float(), nil
	case complexKind:
		return a.Complex() == b.Complex(), nil
	case stringKind:
		return a.String() == b.String(), nil
	}
	if isNil(a) || isNil(b) {
		return isNil(a) == isNil(b), nil
	}
	if !a.Comparable() || !b.Comparable() {
		return false, fmt.Errorf("non-comparable types: %v and %v", a.Type(), b.Type())
	}
	return a.Interface() == b.Interface(), nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Interface, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}

func less(first, second any) (bool, error) {
	a, b := reflect.ValueOf(first), reflect.ValueOf(second)
	ka, kb := kindOf(a), kindOf(b)
	if ka == otherKind || kb == otherKind {
		return false, errNotOrdered
	}
	if ka != kb {
		return false, fmt.Errorf("incompatible types for comparison: %v and %v", a.Type(), b.Type())
	}
	switch ka {
	case integerKind:
		return compareIntegers(a, b) < 0, nil
	case floatKind:
		return a.Float() < b.Float(), nil
	case stringKind:
		return a.String() < b.String(), nil
	}
	return false, errNotOrdered
}

func compareIntegers(a, b reflect.Value) int {
	if a.CanInt() && b.CanInt() {
		return cmp.Compare(a.Int(), b.Int())
	}
	if a.CanUint() && b.CanUint() {
		return cmp.Compare(a.Uint(), b.Uint())
	}
	if a.CanInt() {
		if a.Int() < 0 {
			return -1
		}
		return cmp.Compare(uint64(a.Int()), b.Uint())
	}
	if b.Int() < 0 {
		return 1
	}
	return cmp.Compare(a.Uint(), uint64(b.Int()))
}
