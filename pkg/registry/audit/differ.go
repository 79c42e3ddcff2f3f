// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/registry/view"
)

// differ returns how an object differs from what it should be, "" if it does not. It names
// fields but not their values, which may be secret. It ignores the resourceVersion: a state
// that was loaded knows none from before.
func differ(is, should view.Item) string {
	switch {
	case is == nil:
		return "it is missing"
	case should == nil:
		return "it should not exist"
	}
	a, b := is.Render(), should.Render()
	a.SetResourceVersion("")
	b.SetResourceVersion("")
	if equality.Semantic.DeepEqual(a, b) {
		return ""
	}
	have, err := runtime.DefaultUnstructuredConverter.ToUnstructured(a)
	if err != nil {
		return err.Error()
	}
	want, err := runtime.DefaultUnstructuredConverter.ToUnstructured(b)
	if err != nil {
		return err.Error()
	}
	if paths := differing(nil, "", have, want); len(paths) > 0 {
		return "wrong: " + strings.Join(paths[:min(len(paths), maxDiffering)], ", ")
	}
	return "" // the difference does not show
}

// maxDiffering is how many fields of one object are named.
const maxDiffering = 8

// differing adds the paths at which two values differ.
func differing(paths []string, at string, a, b any) []string {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			keys := maps.Clone(x)
			maps.Copy(keys, y)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				paths = differing(paths, at+"."+key, x[key], y[key])
			}
			return paths
		}
	case []any:
		if y, ok := b.([]any); ok && len(x) == len(y) {
			for i := range x {
				paths = differing(paths, at+"["+strconv.Itoa(i)+"]", x[i], y[i])
			}
			return paths
		}
	}
	if !reflect.DeepEqual(a, b) {
		paths = append(paths, strings.TrimPrefix(at, "."))
	}
	return paths
}
