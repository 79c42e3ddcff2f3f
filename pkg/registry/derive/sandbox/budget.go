// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"reflect"
)

// The limits. They are above what values need: 5,000 lines of values with a comparison, a
// default and a quote in each fit into MaxWork, and so do 10,000 with one function in each.
const (
	// MaxWork bounds the work of a Budget, in units. A unit is about 0.1 µs of one
	// core: what everything costs in units is in prices.go, and BenchmarkPrices
	// compares that with the time that it takes.
	MaxWork = 800_000
	// MaxSource bounds the text of a template.
	MaxSource = 4 << 20
	// MaxValue bounds every value that a function takes or returns, in bytes.
	MaxValue = 1 << 20
	// MaxOutput bounds the rendered text.
	MaxOutput = 2 << 20
	// MaxDepth bounds how deep values nest.
	MaxDepth = 100
	// MaxCalls bounds how deep template calls nest. text/template stops at
	// 100,000, where the stack takes a gigabyte.
	MaxCalls = 100

	maxNesting  = 200
	maxControls = 10_000
	maxActions  = 50_000
)

// Budget is the work that all templates of one version may do on one Cluster
// together. It counts units and never looks at a clock, so it ends an evaluation
// at the same place on every replica and after every restart. The zero value has
// MaxWork left. A Budget is not safe for concurrent use.
type Budget struct{ used int }

// ErrBudget means that a Budget is used up.
var ErrBudget = errors.New("the templates and values of a Bundle exceed the work that they may take on one Cluster: " +
	"render less text, use fewer and smaller templates, or put the value in a Secret and use valuesFrom")

// Use takes n units. It fails with ErrBudget when there are not as many left, and
// from then on always.
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

// Used returns how many units have been taken, MaxWork at the most.
func (b *Budget) Used() int { return b.used }

// limitError is the text for a limit of the evaluation as a whole, which has no
// place in the template that could be named.
type limitError string

func (e limitError) Error() string { return string(e) }

// meter is what an evaluation has used so far. Its methods panic with an error
// when a limit is passed: they are called by functions of the template, and
// text/template turns the panic of a function into the error of Execute.
type meter struct {
	budget *Budget
	calls  int
	// passed is the first limit that was passed. It is kept because
	// text/template wraps the error with the place of a node that instrument
	// added, which says nothing to the reader.
	passed error
}

func (m *meter) stop(err error) {
	if m.passed == nil {
		m.passed = err
	}
	panic(err)
}

// use takes n units.
func (m *meter) use(n int) {
	if err := m.budget.Use(n); err != nil {
		m.stop(err)
	}
}

// step takes the units of a list of n nodes.
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

// weigh takes the units of values of a function, and returns their sizes together.
// Each must be within MaxValue.
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

// glance is weigh for functions that do not look into their arguments.
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

// scalarSize is what a value takes at least: an interface, or a slice element.
const scalarSize = 16

// errTooLarge is one error for both bounds: of a map that passes both, which one is
// found first depends on the order of the map.
var errTooLarge = fmt.Errorf("value is larger than %d bytes, or nested more than %d levels deep", MaxValue, MaxDepth)

// scale measures a value as if it were printed: what occurs twice counts twice.
// It so finds values that are small in memory and huge when written out, and,
// by their depth, those that contain themselves.
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

// addMap does for the map that most values are what add does for any.
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

// fixedSize returns the size of elements that need not be looked at, or 0.
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
