// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"fmt"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// GenericMap is a free-form JSON object: any members, nested to any depth, none of them
// pruned. A number that is written as an integer stays an int64, any other is a float64.
//
// In Go it must hold JSON values only: nil, bool, string, int64, float64, []any and
// map[string]any. Other numbers are written as JSON, but come back as one of these types.
// Deep copies share values of other types.
//
// +k8s:deepcopy-gen=false
type GenericMap struct {
	// Data is the object. Nil and empty are both written as {}.
	Data map[string]any `json:"-"`
}

// genericMapDescription repeats the Go comment above for the OpenAPI document.
const genericMapDescription = "GenericMap is a free-form JSON object: any members, nested to any depth, none of them pruned. " +
	"A number that is written as an integer stays an integer, any other is a float."

// MarshalJSON writes the object with its members sorted by name. It writes {} for nil,
// because a Bundle's values are hashed as {} if they are present and empty (S 4.2).
func (g GenericMap) MarshalJSON() ([]byte, error) {
	if len(g.Data) == 0 {
		return []byte("{}"), nil
	}
	return utiljson.Marshal(g.Data)
}

// UnmarshalJSON reads a JSON object; null becomes a nil map.
func (g *GenericMap) UnmarshalJSON(text []byte) error {
	var data map[string]any
	if err := utiljson.Unmarshal(text, &data); err != nil {
		return fmt.Errorf("a free-form field takes a JSON object, such as {\"key\": \"value\"}: %w", err)
	}
	g.Data = data
	return nil
}

// DeepCopyInto copies the object and all that it holds to out.
func (g *GenericMap) DeepCopyInto(out *GenericMap) {
	out.Data = deepCopyMap(g.Data)
}

// DeepCopy copies the object and all that it holds.
func (g *GenericMap) DeepCopy() *GenericMap {
	if g == nil {
		return nil
	}
	return &GenericMap{Data: deepCopyMap(g.Data)}
}

// OpenAPIDefinition describes the object: its members are kept though they are not
// declared.
func (GenericMap) OpenAPIDefinition() common.OpenAPIDefinition {
	return common.OpenAPIDefinition{
		Schema: spec.Schema{
			SchemaProps:      spec.SchemaProps{Description: genericMapDescription, Type: []string{"object"}},
			VendorExtensible: spec.VendorExtensible{Extensions: spec.Extensions{"x-kubernetes-preserve-unknown-fields": true}},
		},
	}
}

func deepCopyMap(data map[string]any) map[string]any {
	if data == nil {
		return nil
	}
	out := make(map[string]any, len(data))
	for key, value := range data {
		out[key] = deepCopyValue(value)
	}
	return out
}

func deepCopyValue(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return deepCopyMap(value)
	case []any:
		if value == nil {
			return value
		}
		out := make([]any, len(value))
		for i := range value {
			out[i] = deepCopyValue(value[i])
		}
		return out
	default:
		return value
	}
}
