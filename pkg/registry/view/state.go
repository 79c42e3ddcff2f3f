// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"weak"
)

// State returns a name for the state of one resource in the view. Two views return the same
// one only if all objects of the resource are the same. It can be compared and be the key of
// a map, and it keeps no object alive.
func (v *View) State(resource string) any {
	// Publishing a changed table clones it, and nothing writes to the clone.
	switch t := v.tables.of(resource).(type) {
	case *pairs:
		return weak.Make(t)
	case *objects:
		return weak.Make(t)
	default:
		panic(fmt.Sprintf("view: a table of type %T", t))
	}
}
