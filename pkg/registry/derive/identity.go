// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v2"
	sigsyaml "sigs.k8s.io/yaml"
)

// Fleet passes all values through YAML, even those without a template (S 3.3, step 6a).
// YAML costs some microseconds for each value, and the author of a Bundle can write many.
// Where YAML is known to change nothing, this file skips it. Where the text is needed, it
// is written without the detour through JSON that sigs.k8s.io/yaml takes.
// TestTheYAMLRoundTripAgreesWithSigsYAML checks both.

// throughYAML returns values as they are after writing them as YAML and reading them back.
func throughYAML(data map[string]any) (map[string]any, error) {
	if staysItself(data) {
		return data, nil
	}
	text, err := yamlOf(data)
	if err != nil {
		return nil, err
	}
	return interpretMap(text)
}

// staysItself reports whether YAML changes nothing in a value. It may return false for a
// value that stays as it is.
func staysItself(value any) bool {
	switch v := value.(type) {
	case nil, bool:
		return true
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0) && (v != 0 || !math.Signbit(v))
	case string:
		return isTame(v)
	case []any:
		for _, element := range v {
			if !staysItself(element) {
				return false
			}
		}
		return v != nil
	case map[string]any:
		for key, member := range v {
			if !isTame(key) || key == "<<" || !staysItself(member) {
				return false
			}
		}
		return v != nil
	}
	return false
}

// isTame reports whether YAML keeps every character of a text, in the style that the writer
// chooses for it. The text must be ASCII, in one line, or in several of which the first is
// neither indented nor empty.
func isTame(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c >= ' ' && c <= '~':
		case c == '\n' && i > 0 && text[0] != ' ':
		default:
			return false
		}
	}
	return true
}

// yamlOf returns the text that sigs.k8s.io/yaml writes for values.
func yamlOf(data map[string]any) (string, error) {
	tree, ok := yamlTree(data)
	if !ok {
		text, err := sigsyaml.Marshal(data)
		return string(text), err
	}
	text, err := yaml.Marshal(tree)
	return string(text), err
}

// yamlTree returns what the YAML parser reads from the JSON of a value; false if only the
// parser can tell.
func yamlTree(value any) (any, bool) {
	switch v := value.(type) {
	case nil:
		return nil, true
	case bool:
		return v, true
	case float64:
		return yamlNumber(v)
	case string:
		return v, isReadable(v)
	case []any:
		if v == nil {
			return nil, true
		}
		out := make([]any, len(v))
		for i, element := range v {
			var ok bool
			if out[i], ok = yamlTree(element); !ok {
				return nil, false
			}
		}
		return out, true
	case map[string]any:
		if v == nil {
			return nil, true
		}
		out := make(map[any]any, len(v))
		for key, member := range v {
			child, ok := yamlTree(member)
			if !ok || !isReadable(key) || key == "<<" {
				return nil, false
			}
			out[key] = child
		}
		return out, true
	}
	return nil, false
}

func yamlNumber(v float64) (any, bool) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	number := string(text)
	if strings.ContainsAny(number, ".e") {
		return v, true
	}
	if i, err := strconv.ParseInt(number, 10, 64); err == nil {
		return int(i), true
	}
	return nil, false
}

// isReadable reports whether the YAML parser reads a text in JSON's quotes unchanged.
func isReadable(text string) bool {
	for _, r := range text {
		switch {
		case r >= ' ' && r <= '~', r == '\n', r == '\t', r == '\r':
		case r < 0xa0, r == utf8.RuneError, r == 0x2028, r == 0x2029, r >= 0xd800 && r <= 0xf8ff, r >= 0xfe00:
			return false
		}
	}
	return true
}
