// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"maps"
	"slices"

	"github.com/Masterminds/sprig/v3"
)

// dicts replace two sorts of sprig's functions. Some list a map in its own order, which
// differs from run to run. Others let the result share maps with an argument, so that a
// later write to one would reach the other.
var dicts = map[string]any{
	"keys": func(dicts ...map[string]any) []string {
		keys := []string{}
		for _, d := range dicts {
			keys = append(keys, slices.Sorted(maps.Keys(d))...)
		}
		return keys
	},
	"values": func(d map[string]any) []any {
		values := []any{}
		for _, key := range slices.Sorted(maps.Keys(d)) {
			values = append(values, d[key])
		}
		return values
	},
	"deepCopy":     copyValue,
	"mustDeepCopy": func(v any) (any, error) { return copyValue(v), nil },

	"merge":              mergeWith("merge"),
	"mergeOverwrite":     mergeWith("mergeOverwrite"),
	"mustMerge":          mustMergeWith("mustMerge"),
	"mustMergeOverwrite": mustMergeWith("mustMergeOverwrite"),

	// A time is a moment here (clock.go), but templates see the name of sprig's type.
	"typeOf":     typeOf,
	"typeIs":     func(target string, v any) bool { return target == typeOf(v) },
	"typeIsLike": func(target string, v any) bool { return target == typeOf(v) || "*"+target == typeOf(v) },
}

func typeOf(v any) string {
	if _, ok := v.(moment); ok {
		return "time.Time"
	}
	return fmt.Sprintf("%T", v)
}

func mergeWith(name string) func(map[string]any, ...map[string]any) any {
	merge := sprig.TxtFuncMap()[name].(func(map[string]any, ...map[string]any) any)
	return func(dst map[string]any, srcs ...map[string]any) any { return merge(dst, copies(srcs)...) }
}

func mustMergeWith(name string) func(map[string]any, ...map[string]any) (any, error) {
	merge := sprig.TxtFuncMap()[name].(func(map[string]any, ...map[string]any) (any, error))
	return func(dst map[string]any, srcs ...map[string]any) (any, error) { return merge(dst, copies(srcs)...) }
}

func copies(srcs []map[string]any) []map[string]any {
	out := make([]map[string]any, len(srcs))
	for i, src := range srcs {
		out[i] = copyMap(src)
	}
	return out
}

// copyMap copies maps and lists, and shares the scalars in them.
func copyMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = copyValue(v)
	}
	return out
}

func copyValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v != nil {
			return copyMap(v)
		}
	case []any:
		if v == nil {
			return v
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = copyValue(v[i])
		}
		return out
	}
	return v
}
