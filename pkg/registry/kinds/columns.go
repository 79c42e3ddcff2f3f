// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Column is a column of a kind's table output.
type Column struct {
	// Header is the column's name; clients print it in upper case.
	Header string
	// Description says what the column shows, for clients that display it.
	Description string
	// Cell returns the text for an object, or "" if it has none.
	Cell func(runtime.Object) string
}

// column returns a Column whose cell is an accessor of a concrete type.
func column[P runtime.Object](header, description string, cell func(P) string) Column {
	return Column{Header: header, Description: description, Cell: func(obj runtime.Object) string { return cell(obj.(P)) }}
}

// statusColumn shows the message of the condition Ready: empty if the object is ready.
func statusColumn[P runtime.Object](conditions func(P) []v1alpha1.GenericCondition) Column {
	return column("Status", "Why the object is not ready; empty if it is.", func(obj P) string {
		for _, c := range conditions(obj) {
			if c.Type == "Ready" && c.Message != "" {
				return c.Message
			}
		}
		return ""
	})
}

// jsonText returns a list or a map as JSON, like the columns of a CRD, or "" if it is empty.
func jsonText[T []string | map[string]string](v T) string {
	if len(v) == 0 {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("kinds: a column's value cannot be printed: %v: %#v", err, v))
	}
	return string(text)
}
