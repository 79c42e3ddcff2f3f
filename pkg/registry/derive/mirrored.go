// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"fmt"
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// bundleValues is the key of the Bundle's own values in its values Secret. All other keys
// are names of targets.
const bundleValues = "values.yaml"

// WithValues returns a Bundle's spec with the data of its values Secret in place, as if the
// values were inline (S 4.5). Every target gets the values under its name. The given spec
// is not changed.
func WithValues(spec *v1alpha1.BundleSpec, data map[string][]byte) (*v1alpha1.BundleSpec, error) {
	out := *spec
	out.Targets = slices.Clone(spec.Targets)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		values, err := parseValues(data[key])
		if err != nil {
			return nil, fmt.Errorf("the values under %q are not a map: %w", key, err)
		}
		if values == nil {
			continue
		}
		if key == bundleValues {
			out.Helm = helmWith(out.Helm, values)
			continue
		}
		for i := range out.Targets {
			if out.Targets[i].Name == key {
				out.Targets[i].Helm = helmWith(out.Targets[i].Helm, values)
			}
		}
	}
	return &out, nil
}

// parseValues parses one value of the Secret. It returns nil if the value is empty.
func parseValues(text []byte) (*v1alpha1.GenericMap, error) {
	parsed, err := parseYAML(string(text)) // YAML includes JSON
	if err != nil || parsed == nil {
		return nil, err
	}
	data, ok := parsed.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("found %T", parsed)
	}
	return &v1alpha1.GenericMap{Data: data}, nil
}

func helmWith(helm *v1alpha1.HelmOptions, values *v1alpha1.GenericMap) *v1alpha1.HelmOptions {
	out := &v1alpha1.HelmOptions{}
	if helm != nil {
		*out = *helm
	}
	out.Values = values
	return out
}

// Valued returns a Bundle with its values in place, if they come from a Secret (S 4.5). If
// they are missing or wrong, it returns the Bundle unchanged, and what it waits for or what
// is wrong. data is the Secret's, nil if the Secret does not exist.
func Valued(object *v1alpha1.Bundle, data map[string][]byte) (out *v1alpha1.Bundle, waits, broken string) {
	if object.Spec.ValuesHash == "" {
		return object, "", ""
	}
	secret := object.Namespace + "/" + object.Name
	if data == nil {
		return object, fmt.Sprintf("waiting for the Secret %s of type %s, whose values have the hash %s", secret, v1alpha1.SecretTypeBundleValues, object.Spec.ValuesHash), ""
	}
	spec, err := WithValues(&object.Spec, data)
	if err != nil {
		return object, "", fmt.Sprintf("Secret %s: %v", secret, err)
	}
	valued := *object
	valued.Spec = *spec
	return &valued, "", ""
}
