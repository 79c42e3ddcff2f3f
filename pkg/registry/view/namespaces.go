// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// Namespaces returns the namespaces that hold any object, in order. It costs a search per
// table and namespace, not a scan.
func (v *View) Namespaces() []string {
	found := map[string]struct{}{}
	for _, t := range v.tables {
		for next := ""; ; {
			namespace, ok := firstNamespace(t, next)
			if !ok {
				break
			}
			found[namespace] = struct{}{}
			next = namespace + "\x00"
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// HasNamespace reports whether a namespace holds any object.
func (v *View) HasNamespace(namespace string) bool {
	for _, t := range v.tables {
		if first, ok := firstNamespace(t, namespace); ok && first == namespace {
			return true
		}
	}
	return false
}

// firstNamespace returns the first namespace in the table that is not before the given one.
func firstNamespace(t table, from string) (namespace string, ok bool) {
	for item := range t.from(record.Name{Namespace: from}) {
		return item.Name().Namespace, true
	}
	return "", false
}
