// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"strings"
)

// The tokens that a reader knows. Each method moves past what it read, or marks the text as
// odd.

// passed moves past a text if that comes next, and reports whether it does.
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

// has reports whether a member comes next, given its quoted name with the colon, and if so
// moves to its value.
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

// string reads a string. The result is a part of the text if the string has no escapes.
func (r *reader) string() string {
	if !r.passed(`"`) {
		r.odd = true
		return ""
	}
	from := r.at
	if n := strings.IndexByte(r.text[from:], '"'); n >= 0 && isPlain(r.text[from:from+n]) {
		r.at += n + 1
		return r.text[from : from+n]
	}
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			var out string // with invalid UTF-8 replaced
			r.odd = json.Unmarshal([]byte(r.text[from-1:r.at]), &out) != nil || r.odd
			return out
		case c == '\\':
			r.at++
		case c < ' ':
			r.odd = true
			return ""
		}
	}
	r.odd, r.at = true, len(r.text)
	return ""
}

// isPlain reports whether the JSON of a string is the string itself.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x80 || c == '\\' {
			return false
		}
	}
	return true
}

// mostDigits is the number of digits that always fit an int64.
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
	// Anything but the end of a member, such as a fraction, makes the text odd.
	if digits == 0 || digits > 1 && r.text[from] == '0' || r.at < len(r.text) && r.text[r.at] != ',' && r.text[r.at] != '}' {
		r.odd = true
	}
	if negative {
		return -n
	}
	return n
}

// deepest bounds the nesting of an object that is read as text.
const deepest = 100

// object returns the text of an object, up to its closing brace. It does not check that
// this is valid JSON.
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
