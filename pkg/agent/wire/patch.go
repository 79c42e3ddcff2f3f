// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
)

// Diff returns the merge patch that turns one object into another, or nil if they
// are equal. A list is sent whole, because a merge patch cannot do less.
func Diff(from, to runtime.Object) ([]byte, error) {
	before, err := asMap(from)
	if err != nil {
		return nil, err
	}
	after, err := asMap(to)
	if err != nil {
		return nil, err
	}
	patch := DiffMaps(before, after)
	if len(patch) == 0 {
		return nil, nil
	}
	return json.Marshal(patch)
}

// DiffMaps is Diff of JSON objects.
func DiffMaps(before, after map[string]any) map[string]any {
	patch := map[string]any{}
	for key := range before {
		if _, kept := after[key]; !kept {
			patch[key] = nil
		}
	}
	for key, value := range after {
		was, existed := before[key]
		oldMap, wasMap := was.(map[string]any)
		newMap, isMap := value.(map[string]any)
		switch {
		case existed && wasMap && isMap:
			if inner := DiffMaps(oldMap, newMap); len(inner) > 0 {
				patch[key] = inner
			}
		case !existed || !reflect.DeepEqual(was, value):
			patch[key] = value
		}
	}
	return patch
}

// asMap is the object as JSON has it, which is not always what a conversion of its
// fields would give.
func asMap(object runtime.Object) (map[string]any, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(text, &out)
}
