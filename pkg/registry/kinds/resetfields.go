// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// resetFields returns the set of the named top-level members in the group's only version.
func resetFields(members ...string) map[fieldpath.APIVersion]*fieldpath.Set {
	set := fieldpath.NewSet()
	for _, m := range members {
		set.Insert(fieldpath.MakePathOrDie(m))
	}
	return map[fieldpath.APIVersion]*fieldpath.Set{fieldpath.APIVersion(v1alpha1.SchemeGroupVersion.String()): set}
}

// topLevelMembers returns the JSON names of the fields of T, except type meta, metadata and
// status. Four kinds have at the top level what others have in spec (S 1.4), and a
// handwritten list would go stale unnoticed.
func topLevelMembers[T any]() []string {
	var members []string
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && !slices.Contains([]string{"-", "metadata", "status"}, name) {
			members = append(members, name)
		}
	}
	return members
}
