// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v2"
)

// These bound the YAML of rendered values: with aliases, a kilobyte can stand for
// gigabytes.
const (
	maxYAMLSize  = 4 << 20
	maxYAMLDepth = 100
)

// parseYAML reads YAML as Fleet does, as if it were converted to JSON: all numbers are
// float64, and keys become strings. A conversion that would depend on the order of a map is
// an error.
func parseYAML(text string) (value any, err error) {
	defer func() {
		// The parser is large and its input hostile. Other Bundles must not suffer.
		if r := recover(); r != nil {
			value, err = nil, fmt.Errorf("not valid YAML: %v", r)
		}
	}()
	var raw any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	c := converter{left: maxYAMLSize}
	return c.convert(raw, 0)
}

// converter turns what the YAML parser returns into JSON values. It counts what aliases
// multiply.
type converter struct{ left int }

var errYAMLTooLarge = fmt.Errorf("values are larger than %d bytes when their aliases are written out", maxYAMLSize)

func (c *converter) use(n int) error {
	c.left -= n
	if c.left < 0 {
		return errYAMLTooLarge
	}
	return nil
}

func (c *converter) convert(v any, depth int) (any, error) {
	if depth > maxYAMLDepth {
		return nil, fmt.Errorf("values are nested more than %d levels deep", maxYAMLDepth)
	}
	if err := c.use(8); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		return validText(v), c.use(len(v))
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is not a JSON number", v)
		}
		return v, nil
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = c.convert(v[i], depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[any]any:
		return c.convertMap(v, depth)
	}
	return nil, fmt.Errorf("YAML values of type %T are not supported", v)
}

func (c *converter) convertMap(m map[any]any, depth int) (any, error) {
	type member struct {
		key   string
		value any
	}
	members := make([]member, 0, len(m))
	for k, v := range m {
		key, err := keyText(k)
		if err != nil {
			return nil, err
		}
		members = append(members, member{key, v})
	}
	// Sorted, so that the first of several errors is always the same.
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	out := make(map[string]any, len(members))
	for _, m := range members {
		if _, twice := out[m.key]; twice {
			return nil, fmt.Errorf("two keys of one map are both written %q in JSON", m.key)
		}
		if err := c.use(len(m.key)); err != nil {
			return nil, err
		}
		value, err := c.convert(m.value, depth+1)
		if err != nil {
			return nil, err
		}
		out[m.key] = value
	}
	return out, nil
}

func keyText(k any) (string, error) {
	switch k := k.(type) {
	case string:
		return validText(k), nil
	case bool:
		return strconv.FormatBool(k), nil
	case int:
		return strconv.Itoa(k), nil
	case int64:
		return strconv.FormatInt(k, 10), nil
	case float64:
		// This is how YAML writes it, not JSON.
		switch {
		case math.IsNaN(k):
			return ".nan", nil
		case math.IsInf(k, 0):
			return map[bool]string{true: ".inf", false: "-.inf"}[k > 0], nil
		}
		return strconv.FormatFloat(k, 'g', -1, 32), nil
	}
	return "", errors.New("a map key is not a string, number or bool")
}

// validText replaces each byte that is not UTF-8, as a JSON encoder would.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
