// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
)

// Diff returns the merge patch that turns one object into another, or nil if they are
// equal. It contains changed lists whole, because a merge patch cannot change a part of
// one.
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

// DiffMaps returns the merge patch that turns one JSON object into another, or nil.
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

// asMap returns the object as its JSON shows it. A conversion of its fields would not
// always give the same.
func asMap(object runtime.Object) (map[string]any, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(text, &out)
}
