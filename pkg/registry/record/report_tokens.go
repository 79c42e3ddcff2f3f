// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The tokens that a reader knows. Each call goes on behind what it read, or makes the
// text odd.

// passed goes on behind a text, if that comes next.
func (r *reader) passed(text string) bool {
	if !strings.HasPrefix(r.text[r.at:], text) {
		return false
	}
	r.at += len(text)
	return true
}

func (r *reader) open() {
	r.odd = !r.passed("{") || r.odd
	r.comma = false
}

func (r *reader) close() {
	r.odd = !r.passed("}") || r.odd
	r.comma = true
}

// has tells whether a member comes next, by its quoted name with the colon, and goes on
// at its value.
func (r *reader) has(key string) bool {
	if r.odd {
		return false
	}
	at := r.at
	if r.comma && !r.passed(",") {
		return false
	}
	if !r.passed(key) {
		r.at = at
		return false
	}
	r.comma = true
	return true
}

// list calls each at every element of a list that is not empty.
func (r *reader) list(each func()) {
	if !r.passed("[") {
		r.odd = true
		return
	}
	for !r.odd {
		if each(); r.passed("]") {
			r.comma = true
			return
		}
		r.odd = !r.passed(",") || r.odd
	}
}

// string reads a string. It is a part of the text, if that has it as it is.
func (r *reader) string() string {
	if !r.passed(`"`) {
		r.odd = true
		return ""
	}
	from, plain := r.at, true
	if n := strings.IndexByte(r.text[from:], '"'); n >= 0 && isPlain(r.text[from:from+n]) {
		r.at += n + 1
		return r.text[from : from+n]
	}
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			if plain {
				return r.text[from : r.at-1]
			}
			var out string
			r.odd = json.Unmarshal([]byte(r.text[from-1:r.at]), &out) != nil || r.odd
			return out
		case c == '\\':
			plain = false
			r.at++
		case c < ' ':
			r.odd = true
			return ""
		case c >= 0x80:
			plain = false // it may have to be replaced
		}
	}
	r.odd, r.at = true, len(r.text)
	return ""
}

// isPlain tells that a string is written as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x80 || c == '\\' {
			return false
		}
	}
	return true
}

// mostDigits are those of a number that fits without a look.
const mostDigits = 18

func (r *reader) integer() int64 {
	negative := r.passed("-")
	from, n := r.at, int64(0)
	for ; r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9'; r.at++ {
		if r.at-from == mostDigits {
			break
		}
		n = n*10 + int64(r.text[r.at]-'0')
	}
	digits := r.at - from
	// What goes on after it, as a fraction does, is not the end of a member.
	if digits == 0 || digits > 1 && r.text[from] == '0' || r.at < len(r.text) && r.text[r.at] != ',' && r.text[r.at] != '}' {
		r.odd = true
	}
	if negative {
		return -n
	}
	return n
}

// deepest is how deep an object may be that is not looked into.
const deepest = 100

// object is the text of an object that ends where its braces do. Whether it is valid
// JSON is not known.
func (r *reader) object() string {
	from, depth := r.at, 0
	for ; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '{':
			if depth++; depth > deepest {
				r.odd = true
				return ""
			}
		case '}':
			if depth--; depth == 0 {
				r.at++
				return r.text[from:r.at]
			}
		case '"':
			for r.at++; r.at < len(r.text) && r.text[r.at] != '"'; r.at++ {
				if r.text[r.at] == '\\' {
					r.at++
				}
			}
		}
		if depth == 0 {
			break // it is not an object
		}
	}
	r.odd, r.at = true, len(r.text)
	return ""
}

// shareFields gives the entries of a decoded object the field sets that others have too.
func shareFields(entries []metav1.ManagedFieldsEntry) {
	for i := range entries {
		if own := entries[i].FieldsV1; own != nil {
			if shared := fieldSets.of(own.GetRawString()); shared != nil {
				entries[i].FieldsV1 = shared
			}
		}
	}
}

// fieldTable has the field sets of managed fields, of which there are a few that all
// reports share. They must not be modified. A set of one's own would be as large as a
// report, and decoded plainly it keeps the whole text alive that it is a part of.
type fieldTable struct {
	sync.RWMutex
	known map[string]*metav1.FieldsV1
}

var fieldSets = fieldTable{known: map[string]*metav1.FieldsV1{}}

// The table begins anew when it has too many, and those that are too long it has not.
const mostFieldSets, longestFieldSet = 256, 4 << 10

// of is the field set with a text; nil if that is not valid.
func (t *fieldTable) of(text string) *metav1.FieldsV1 {
	t.RLock()
	fields := t.known[text]
	t.RUnlock()
	if fields != nil {
		return fields
	}
	if !json.Valid([]byte(text)) {
		return nil
	}
	text = strings.Clone(text)
	fields = metav1.NewFieldsV1(text)
	if len(text) > longestFieldSet {
		return fields
	}
	t.Lock()
	defer t.Unlock()
	if len(t.known) >= mostFieldSets {
		clear(t.known)
	}
	t.known[text] = fields
	return fields
}
