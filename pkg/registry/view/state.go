// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"weak"
)

// State names the objects of one resource as they are in a view: two views have the
// same one only if all objects are the same. It keeps none of them alive, and can be
// compared and be a key of a map.
func (v *View) State(resource string) any {
	// A table is cloned when it is published after a change, and never written again.
	switch t := v.tables.of(resource).(type) {
	case *pairs:
		return weak.Make(t)
	case *objects:
		return weak.Make(t)
	default:
		panic(fmt.Sprintf("view: a table of type %T", t))
	}
}
