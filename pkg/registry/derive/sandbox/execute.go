// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"reflect"
	"strings"
	"text/template"
	"time"
)

// Environment replaces the clock and randomness in an evaluation.
type Environment struct {
	// Seed and Salt key the random functions. The seed is the secret part. The salt says
	// what is evaluated, so that two evaluations differ.
	Seed []byte
	Salt string
	// Time is what now returns. Templates see it in UTC.
	Time time.Time
}

// evaluation is one run of Execute. The functions of the template are its methods or are
// wrapped by it. It does not outlive the run.
type evaluation struct {
	meter
	env    Environment
	chance *chance
	out    strings.Builder
}

// Execute evaluates the template over data and returns the text. Functions such as set
// write to data, and templates that are evaluated over the same data later see that. The
// work is taken from budget. An error names the place in the template or the limit that was
// passed, and is at most about a kilobyte long.
func (t *Template) Execute(env Environment, data map[string]any, budget *Budget) (text string, err error) {
	if err := budget.Use(executeUnits + functionUnits*len(t.uses)); err != nil {
		return "", err
	}
	e := &evaluation{env: env, meter: meter{budget: budget}}
	funcs := template.FuncMap{
		stepFunc:  func(n int) string { e.step(n); return "" },
		enterFunc: e.enter,
		leaveFunc: e.leave,
		printFunc: e.print,
	}
	for _, name := range t.uses {
		funcs[name] = e.bind(functions[name])
	}
	tmpl := template.New(t.name).Option("missingkey=error").Funcs(funcs)
	for name, tree := range t.trees {
		if _, err := tmpl.AddParseTree(name, tree); err != nil {
			return "", shorten(err)
		}
	}
	// text/template does not recover from panics outside a function call. One template must
	// not end the process that serves all others.
	defer func() {
		if r := recover(); r != nil {
			text, err = "", shorten(fmt.Errorf("template cannot be evaluated: %v", r))
		}
	}()
	err = tmpl.Execute(&output{e: e}, data)
	switch {
	case e.passed != nil:
		return "", e.passed
	case err != nil:
		return "", shorten(err)
	}
	return e.out.String(), nil
}

// print checks and charges a value that is about to be written out.
func (e *evaluation) print(v any) any {
	s := scale{left: MaxValue}
	if err := s.add(reflect.ValueOf(v), 0); err != nil {
		e.stop(limitError(fmt.Sprintf("template cannot print a value: %v", err)))
	}
	// A text is only copied; any other value has to be formatted.
	if size := MaxValue - s.left; reflect.ValueOf(v).Kind() == reflect.String {
		e.use(size / bytesPerUnit)
	} else {
		e.use(size * encodeUnits / 1024)
	}
	return v
}

// output keeps the rendered text within MaxOutput.
type output struct{ e *evaluation }

func (o *output) Write(p []byte) (int, error) {
	if o.e.out.Len()+len(p) > MaxOutput {
		o.e.passed = limitError(fmt.Sprintf("template exceeds the limit of %d bytes for its output", MaxOutput))
		return 0, o.e.passed
	}
	return o.e.out.Write(p)
}

// function describes what a template can call.
type function struct {
	// of returns the Go function for one evaluation.
	of func(e *evaluation) any
	// guard, if any, panics if the call must not happen.
	guard func(e *evaluation, args []reflect.Value)
	// shallow says that a call is cheap whatever its arguments hold, because the function
	// passes them on without looking inside.
	shallow bool
	// price is the cost of a call.
	price price
}

// bind wraps a function so that its calls are charged. The wrapper has the type of the
// function, so that text/template converts arguments as usual.
func (e *evaluation) bind(f function) any {
	fn := reflect.ValueOf(f.of(e))
	call := fn.Call
	if fn.Type().IsVariadic() {
		call = fn.CallSlice
	}
	return reflect.MakeFunc(fn.Type(), func(args []reflect.Value) []reflect.Value {
		e.use(f.price.call)
		if f.shallow {
			e.glance(args...)
		} else {
			e.use(e.weigh(args...) * f.price.kilobyte / 1024)
		}
		if f.guard != nil {
			f.guard(e, args)
		}
		results := call(args)
		if !f.shallow {
			e.use(e.weigh(results[0]) * f.price.kilobyte / 1024)
		}
		return results
	}).Interface()
}
