// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"reflect"
)

// These limits are above what values need. MaxWork suffices for 5,000 lines of values with
// a comparison, a default and a quote in each, or for 10,000 with one function in each.
const (
	// MaxWork bounds the work of a Budget, in units. A unit is about 0.1 µs of one core.
	// prices.go lists what everything costs in units, and BenchmarkPrices compares that
	// with the time.
	MaxWork = 800_000
	// MaxSource bounds the text of a template.
	MaxSource = 4 << 20
	// MaxValue bounds every value that a function takes or returns, in bytes.
	MaxValue = 1 << 20
	// MaxOutput bounds the rendered text.
	MaxOutput = 2 << 20
	// MaxDepth bounds how deep values nest.
	MaxDepth = 100
	// MaxCalls bounds how deep template calls nest. text/template stops at 100,000, when
	// the stack takes a gigabyte.
	MaxCalls = 100

	maxNesting  = 200
	maxControls = 10_000
	maxActions  = 50_000
)

// Budget is the work that all templates of one version may do together on one Cluster. It
// counts units and never reads a clock, so it ends an evaluation at the same place on every
// replica and after every restart. The zero value has MaxWork left. A Budget is not safe
// for concurrent use.
type Budget struct{ used int }

// ErrBudget means that a Budget is used up.
var ErrBudget = errors.New("the templates and values of a Bundle exceed the work that they may take on one Cluster: " +
	"render less text, use fewer and smaller templates, or put the value in a Secret and use valuesFrom")

// Use takes n units. It returns ErrBudget if fewer are left, and always from then on.
func (b *Budget) Use(n int) error {
	if n < 0 || n > MaxWork-b.used {
		b.used = MaxWork
		if n != 0 {
			return ErrBudget
		}
	}
	b.used += n
	return nil
}

// Used returns how many units have been taken, at most MaxWork.
func (b *Budget) Used() int { return b.used }

// limitError is the text for a limit of the whole evaluation, for which no place in the
// template can be named.
type limitError string

func (e limitError) Error() string { return string(e) }

// meter holds what an evaluation has used so far. Its methods panic with an error when a
// limit is passed. Functions of the template call them, and text/template turns the panic
// of a function into the error of Execute.
type meter struct {
	budget *Budget
	calls  int
	// passed is the first limit that was passed. It is kept because text/template adds to
	// the error the place of a node that instrument added, which means nothing to the
	// reader.
	passed error
}

func (m *meter) stop(err error) {
	if m.passed == nil {
		m.passed = err
	}
	panic(err)
}

func (m *meter) use(n int) {
	if err := m.budget.Use(n); err != nil {
		m.stop(err)
	}
}

// step takes the units of a list with n nodes.
func (m *meter) step(n int) {
	if n > MaxWork {
		m.stop(ErrBudget)
	}
	m.use(stepUnits + n*nodeUnits)
}

func (m *meter) enter(weight int) string {
	m.calls++
	if m.calls > MaxCalls {
		m.stop(limitError(fmt.Sprintf("template calls are nested more than %d levels deep", MaxCalls)))
	}
	m.use(callUnits)
	m.step(weight)
	return ""
}

func (m *meter) leave() string {
	m.calls--
	return ""
}

// weigh takes the units for the arguments or results of a function, and returns their total
// size. Each must be within MaxValue.
func (m *meter) weigh(values ...reflect.Value) int {
	size := 0
	for _, v := range values {
		s := scale{left: MaxValue}
		if err := s.add(v, 0); err != nil {
			panic(err)
		}
		size += MaxValue - s.left
	}
	m.use(size / bytesPerUnit)
	return size
}

// glance weighs the arguments of functions that do not look into them.
func (m *meter) glance(values ...reflect.Value) {
	size := 0
	for _, v := range values {
		size += glanceSize(v, true)
	}
	m.use(size / bytesPerUnit)
}

func glanceSize(v reflect.Value, top bool) int {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.String:
		return scalarSize + v.Len()
	case v.Kind() == reflect.Slice && top:
		size := 0
		for i := range v.Len() {
			size += glanceSize(v.Index(i), false)
		}
		return size
	}
	return scalarSize
}

// scalarSize is the least size of a value: an interface, or a slice element.
const scalarSize = 16

// errTooLarge is one error for both bounds, because the order of a map decides which bound
// is found first.
var errTooLarge = fmt.Errorf("value is larger than %d bytes, or nested more than %d levels deep", MaxValue, MaxDepth)

// scale measures a value as if it were printed: what occurs twice counts twice. So it finds
// values that are small in memory and huge when written out. It finds values that contain
// themselves by their depth.
type scale struct{ left int }

func (s *scale) use(n int) error {
	s.left -= n
	if s.left < 0 {
		return errTooLarge
	}
	return nil
}

func (s *scale) add(v reflect.Value, depth int) error {
	if depth > MaxDepth {
		return errTooLarge
	}
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return s.use(scalarSize + v.Len())
	case reflect.Map:
		if m, ok := asMap(v); ok {
			return s.addMap(m, depth)
		}
		if err := s.use(3 * scalarSize); err != nil {
			return err
		}
		for it := v.MapRange(); it.Next(); {
			if err := s.add(it.Key(), depth+1); err != nil {
				return err
			}
			if err := s.add(it.Value(), depth+1); err != nil {
				return err
			}
		}
		return nil
	case reflect.Slice, reflect.Array:
		if err := s.use(2 * scalarSize); err != nil {
			return err
		}
		if size := fixedSize(v.Type().Elem()); size > 0 {
			return s.use(size * v.Len())
		}
		for i := range v.Len() {
			if err := s.add(v.Index(i), depth+1); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
		for i := range v.NumField() {
			if err := s.add(v.Field(i), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return s.use(scalarSize)
}

// addMap does what add does, for the type of most maps.
func (s *scale) addMap(m map[string]any, depth int) error {
	if err := s.use(3 * scalarSize); err != nil {
		return err
	}
	for key, value := range m {
		if err := s.use(scalarSize + len(key)); err != nil {
			return err
		}
		if err := s.add(reflect.ValueOf(value), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// fixedSize returns the size of elements that need not be looked at, or 0 if they must be.
func fixedSize(t reflect.Type) int {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return int(t.Size())
	}
	return 0
}

func asMap(v reflect.Value) (map[string]any, bool) {
	if v.Type() != reflect.TypeFor[map[string]any]() || !v.CanInterface() {
		return nil, false
	}
	m, ok := v.Interface().(map[string]any)
	return m, ok
}
