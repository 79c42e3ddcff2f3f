// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// functions are all functions that a template can call, besides builtins. They are sprig's,
// as in Fleet (S 3.3, step 6a), with replacements where sprig's own would read the host,
// reveal the order of a map, or not end.
var functions = table()

// absent are functions of sprig that read the host.
var absent = []string{"env", "expandenv", "getHostByName"}

func table() map[string]function {
	all := map[string]function{}
	for _, from := range []map[string]any{sprig.TxtFuncMap(), prints, comparisons, dicts, refused} {
		for name, fn := range from {
			all[name] = function{of: func(*evaluation) any { return fn }}
		}
	}
	for _, name := range absent {
		delete(all, name)
	}
	for _, from := range []map[string]func(*evaluation) any{clocks, randoms, scoped} {
		for name, of := range from {
			all[name] = function{of: of}
		}
	}
	edit := func(name string, change func(*function)) {
		f, ok := all[name]
		if !ok {
			panic(fmt.Sprintf("sandbox: sprig no longer has the function %q: check whether its replacement needs the same care", name))
		}
		change(&f)
		all[name] = f
	}
	for name := range all {
		edit(name, func(f *function) { f.price = defaultPrice })
	}
	for name, p := range prices {
		if _, ok := all[name]; ok {
			edit(name, func(f *function) { f.price = p })
		}
	}
	for name, guard := range guards {
		edit(name, func(f *function) { f.guard = guard })
	}
	for _, name := range shallow {
		edit(name, func(f *function) { f.shallow = true })
	}
	return all
}

// shallow are functions that pass on their arguments, or answer without looking inside.
var shallow = []string{
	"get", "hasKey", "set", "unset", "dig", "dict", "list", "tuple",
	"first", "mustFirst", "last", "mustLast",
	"default", "coalesce", "ternary", "empty", "all", "any",
	"kindOf", "kindIs", "typeOf", "typeIs", "typeIsLike",
}

// prints are builtins of text/template that copy their arguments. They are listed here so
// that the wrapper weighs them.
var prints = map[string]any{
	"print":    fmt.Sprint,
	"printf":   fmt.Sprintf,
	"println":  fmt.Sprintln,
	"html":     template.HTMLEscaper,
	"js":       template.JSEscaper,
	"urlquery": template.URLQueryEscaper,
}

// scoped are functions that charge the evaluation while they run.
var scoped = map[string]func(*evaluation) any{
	"set": func(e *evaluation) any {
		return func(d map[string]any, key string, value any) map[string]any {
			d[key] = value
			// Only a value that can hold d can close a cycle. Weighing d finds the cycle
			// before anything follows it.
			switch reflect.ValueOf(value).Kind() {
			case reflect.Map, reflect.Slice, reflect.Array:
				e.weigh(reflect.ValueOf(d))
			}
			return d
		}
	},
	"until": func(e *evaluation) any {
		return func(count int) []int {
			step := 1
			if count < 0 {
				step = -1
			}
			return e.numbers(0, count, step)
		}
	},
	"untilStep": func(e *evaluation) any { return e.numbers },
	"seq":       func(e *evaluation) any { return e.seq },
	"randBytes": func(e *evaluation) any {
		return func(count int) (string, error) {
			if count < 0 {
				return "", fmt.Errorf("cannot make %d bytes", count)
			}
			e.bound(count, 1, 0)
			return base64.StdEncoding.EncodeToString(e.random().bytes(count)), nil
		}
	},
}

// numbers returns start, start+step, ... up to but without stop.
func (e *evaluation) numbers(start, stop, step int) []int {
	list := []int{}
	if step == 0 || (stop > start) != (step > 0) || stop == start {
		return list
	}
	// Unsigned, because the distance between two ints may overflow an int.
	distance, stride := uint64(stop)-uint64(start), uint64(step)
	if step < 0 {
		distance, stride = uint64(start)-uint64(stop), -uint64(step)
	}
	count := (distance-1)/stride + 1
	if count > MaxWork {
		e.stop(ErrBudget)
	}
	e.use(int(count))
	list = make([]int, count)
	for i := range list {
		list[i] = start + i*step
	}
	return list
}

// seq prints the numbers from start to end inclusive, like the shell's seq.
func (e *evaluation) seq(params ...int) string {
	var list []int
	switch len(params) {
	case 1:
		list = e.span(1, params[0], 0)
	case 2:
		list = e.span(params[0], params[1], 0)
	case 3:
		list = e.span(params[0], params[2], params[1])
	}
	text := fmt.Sprint(list)
	return text[1 : len(text)-1]
}

// span returns start, start+step, ... up to and including end. Step 0 means a step of 1
// towards end.
func (e *evaluation) span(start, end, step int) []int {
	direction := 1
	if end < start {
		direction = -1
	}
	if step == 0 {
		step = direction
	}
	if (step > 0) != (direction > 0) {
		return nil
	}
	stop := end + direction
	if (stop > end) != (direction > 0) {
		stop = end // the last int has no successor, and exceeds every limit anyway
	}
	return e.numbers(start, stop, step)
}
