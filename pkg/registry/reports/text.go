// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"unicode/utf8"
)

// TextSize returns how many bytes texts take in JSON, at most.
func TextSize(texts ...string) int {
	n := 0
	for _, text := range texts {
		for i := range len(text) {
			n += int(jsonSizes[text[i]])
		}
	}
	return n
}

// jsonSizes holds how many bytes each byte takes in JSON, at most.
var jsonSizes = func() (sizes [256]uint8) {
	for i := range sizes {
		switch c := byte(i); {
		case c < ' ', c == '<', c == '>', c == '&':
			sizes[i] = 6
		case c == '"', c == '\\', c >= utf8.RuneSelf:
			sizes[i] = 2
		default:
			sizes[i] = 1
		}
	}
	return sizes
}()

// moreText is the room for the note that says how much of a text was cut.
const moreText = 40

// cutText returns a text that takes at most MostText bytes of JSON. A text that is cut
// ends with a note that says how much is missing.
func cutText(text string) string {
	if len(text) <= MostText/6 || TextSize(text) <= MostText {
		return text
	}
	size, end := 0, 0
	for i := range text { // at whole characters
		end = i
		if size > MostText-moreText-6*utf8.UTFMax {
			break
		}
		_, n := utf8.DecodeRuneInString(text[i:])
		size += TextSize(text[i : i+n])
	}
	return fmt.Sprintf("%s... (%d more bytes)", text[:end], len(text)-end)
}

// cutTexts returns the first texts that take at most MostText together. A text that is
// longer than that alone is cut and comes last.
func cutTexts(texts []string) []string {
	left := MostText
	for i, text := range texts {
		cut := cutText(text)
		if size := TextSize(cut) + 3; size > left {
			return texts[:i:i]
		} else if left -= size; len(cut) != len(text) {
			return append(append([]string(nil), texts[:i]...), cut)
		}
	}
	return texts
}
