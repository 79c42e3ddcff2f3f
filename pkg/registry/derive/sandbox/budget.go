// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"reflect"
)

// The limits of one evaluation. They are far above what values need (a chart
// with 10,000 lines of values, with a template in each, takes less than half of
// the steps) and far below what hurts the goroutine that evaluates.
const (
	// MaxSource bounds the text of a template.
	MaxSource = 4 << 20
	// MaxSteps bounds how many nodes of the template are evaluated, and how
	// many functions are called. A slow function counts as many.
	MaxSteps = 100_000
	// MaxValue bounds every value that a function takes or returns, in bytes.
	MaxValue = 1 << 20
	// MaxTotal bounds the sum of those values.
	MaxTotal = 64 << 20
	// MaxOutput bounds the rendered text.
	MaxOutput = 2 << 20
	// MaxDepth bounds how deep values nest.
	MaxDepth = 100
	// MaxCalls bounds how deep template calls nest. text/template stops at
	// 100,000, where the stack takes a gigabyte.
	MaxCalls = 100

	maxNesting  = 200
	maxControls = 10_000
)

// limitError is the text for a limit of the evaluation as a whole, which has no
// place in the template that could be named.
type limitError string

func (e limitError) Error() string { return string(e) }

// budget is what an evaluation has used so far. Its methods panic with an error
// when a limit is passed: they are called by functions of the template, and
// text/template turns the panic of a function into the error of Execute.
type budget struct {
	steps int
	total int
	calls int
	// passed is the first limit that was passed. It is kept because
	// text/template wraps the error with the place of a node that instrument
	// added, which tells the reader nothing.
	passed error
}

func (b *budget) stop(format string, args ...any) {
	err := limitError(fmt.Sprintf(format, args...))
	if b.passed == nil {
		b.passed = err
	}
	panic(err)
}

// step counts n steps.
func (b *budget) step(n int) {
	if n < 0 || n > MaxSteps-b.steps {
		b.stop("template exceeds the limit of %d steps", MaxSteps)
	}
	b.steps += n
}

func (b *budget) enter(weight int) string {
	b.calls++
	if b.calls > MaxCalls {
		b.stop("template calls are nested more than %d levels deep", MaxCalls)
	}
	b.step(weight)
	return ""
}

func (b *budget) leave() string {
	b.calls--
	return ""
}

// take adds size to the total.
func (b *budget) take(size int) {
	b.total += size
	if b.total > MaxTotal {
		b.stop("template exceeds the limit of %d bytes for all its values together", MaxTotal)
	}
}

// weigh adds the sizes of values to the total. Each must be within MaxValue.
func (b *budget) weigh(values ...reflect.Value) {
	for _, v := range values {
		s := scale{left: MaxValue}
		if err := s.add(v, 0); err != nil {
			panic(err)
		}
		b.take(MaxValue - s.left)
	}
}

// glance is weigh for functions that do not look into their arguments.
func (b *budget) glance(values ...reflect.Value) {
	size := 0
	for _, v := range values {
		size += glanceSize(v, true)
	}
	b.take(size)
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

var (
	errTooLarge = fmt.Errorf("value is larger than %d bytes", MaxValue)
	errTooDeep  = fmt.Errorf("value is nested more than %d levels deep", MaxDepth)
)

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
		return errTooDeep
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
