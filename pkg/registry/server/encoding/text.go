// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// text is JSON that is being written. Members follow each other in the order of the calls.
// A method with "unless" in its name leaves out an empty value.
type text struct {
	b []byte
	// err is the first error of encoding/json. After it, b must not be used.
	err error
	// keys are used for sorting, and empty between calls.
	keys []string
}

// begin opens the object that is the value of a member; end closes it.
func (t *text) begin(name string) {
	t.name(name)
	t.b = append(t.b, '{')
}

func (t *text) end() { t.b = append(t.b, '}') }

// name writes a member's name, which the caller gives with its quotes and colon.
func (t *text) name(name string) {
	if t.b[len(t.b)-1] != '{' {
		t.b = append(t.b, ',')
	}
	t.b = append(t.b, name...)
}

func (t *text) unlessEmpty(name, value string) {
	if value != "" {
		t.name(name)
		t.string(value)
	}
}

func (t *text) unlessFalse(name string, value bool) {
	if value {
		t.name(name)
		t.b = append(t.b, "true"...)
	}
}

func (t *text) unlessZero(name string, value int64) {
	if value != 0 {
		t.integer(name, value)
	}
}

func (t *text) integer(name string, value int64) {
	t.name(name)
	t.b = strconv.AppendInt(t.b, value, 10)
}

func (t *text) unlessNoTime(name string, at *metav1.Time) {
	if !at.IsZero() {
		t.name(name)
		t.b = append(t.b, '"')
		t.b = at.UTC().AppendFormat(t.b, time.RFC3339)
		t.b = append(t.b, '"')
	}
}

// unlessNone writes a map of texts, in the order of its keys.
func (t *text) unlessNone(name string, members map[string]string) {
	if len(members) == 0 {
		return
	}
	t.begin(name)
	keys := slices.AppendSeq(t.keys[:0], maps.Keys(members))
	slices.Sort(keys)
	for i, key := range keys {
		if i > 0 {
			t.b = append(t.b, ',')
		}
		t.string(key)
		t.b = append(t.b, ':')
		t.string(members[key])
	}
	t.keys = keys[:0]
	t.end()
}

// other lets encoding/json write a member.
func (t *text) other(name string, value any) {
	t.name(name)
	t.marshal(value)
}

func (t *text) marshal(value any) {
	b, err := json.Marshal(value)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.b = append(t.b, b...)
}

// value writes a value in a free-form object.
func (t *text) value(value any) {
	switch v := value.(type) {
	case nil:
		t.b = append(t.b, "null"...)
	case string:
		t.string(v)
	case bool:
		t.b = strconv.AppendBool(t.b, v)
	case int64:
		t.b = strconv.AppendInt(t.b, v, 10)
	case float64:
		// Such a number is written without an exponent, so like an integer.
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 && (v != 0 || !math.Signbit(v)) {
			t.b = strconv.AppendInt(t.b, int64(v), 10)
		} else {
			t.marshal(v)
		}
	case map[string]any:
		t.object(v)
	case []any:
		if v == nil {
			t.b = append(t.b, "null"...)
			return
		}
		t.b = append(t.b, '[')
		for i := range v {
			if i > 0 {
				t.b = append(t.b, ',')
			}
			t.value(v[i])
		}
		t.b = append(t.b, ']')
	default:
		t.marshal(v)
	}
}

func (t *text) object(members map[string]any) {
	if members == nil {
		t.b = append(t.b, "null"...)
		return
	}
	t.b = append(t.b, '{')
	// Objects nest, so the keys of this one are behind those of the enclosing one.
	from := len(t.keys)
	t.keys = slices.AppendSeq(t.keys, maps.Keys(members))
	slices.Sort(t.keys[from:])
	for i := range len(members) {
		if i > 0 {
			t.b = append(t.b, ',')
		}
		key := t.keys[from+i]
		t.string(key)
		t.b = append(t.b, ':')
		t.value(members[key])
	}
	t.keys = t.keys[:from]
	t.b = append(t.b, '}')
}

// asIs are the bytes that stand for themselves in a JSON text that is safe in HTML.
var asIs = func() (safe [256]bool) {
	for c := ' '; c < 0x80; c++ {
		safe[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return safe
}()

func (t *text) string(s string) {
	for i := range len(s) {
		if !asIs[s[i]] {
			t.escaped(s, i)
			return
		}
	}
	t.b = append(t.b, '"')
	t.b = append(t.b, s...)
	t.b = append(t.b, '"')
}

// escaped writes a text that has to be escaped from a given place.
func (t *text) escaped(s string, from int) {
	const digits = "0123456789abcdef"
	start := len(t.b)
	t.b = append(t.b, '"')
	t.b = append(t.b, s[:from]...)
	for i := from; i < len(s); i++ {
		switch c := s[i]; {
		case asIs[c]:
			t.b = append(t.b, c)
		case c >= 0x80:
			t.b = t.b[:start]
			t.marshal(s)
			return
		case c == '"', c == '\\':
			t.b = append(t.b, '\\', c)
		case c == '\n':
			t.b = append(t.b, '\\', 'n')
		case c == '\r':
			t.b = append(t.b, '\\', 'r')
		case c == '\t':
			t.b = append(t.b, '\\', 't')
		case c == '\b':
			t.b = append(t.b, '\\', 'b')
		case c == '\f':
			t.b = append(t.b, '\\', 'f')
		default:
			t.b = append(t.b, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
		}
	}
	t.b = append(t.b, '"')
}
