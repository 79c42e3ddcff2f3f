// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package muster_test

import (
	"go/ast"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// avoided are words that docs/style.md replaces, with what to write instead.
var avoided = []struct {
	words   *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)\b(whoever|whomever|nobody|somebody|anybody|everybody|someone|anyone|everyone)\b`), "name the caller, a client, an agent, an operator"},
	{regexp.MustCompile(`(?i)\btells? whether\b`), `"reports whether"`},
	{regexp.MustCompile(`(?i)\bcomes? to be\b`), `"becomes"`},
	{regexp.MustCompile(`(?i)\b(goes|go|went) on\b`), `"continues"`},
	{regexp.MustCompile(`(?i)\b(is|are) no matter to\b`), "say what it does not change"},
	{regexp.MustCompile(`(?i)\b(is|are|was|were) not there\b`), `"does not exist"`},
}

// inStrings are double-quoted words: they are cited and not said.
var inStrings = regexp.MustCompile(`"[^"\n]*"|` + "`[^`\n]*`")

func requirePlainEnglish(t *testing.T, where, text string) {
	t.Helper()
	text = inStrings.ReplaceAllString(text, "")
	for _, a := range avoided {
		for _, found := range a.words.FindAllString(text, -1) {
			assert.Failf(t, "not plain English", "%s says %q: write %s (docs/style.md)", where, found, a.instead)
		}
	}
}

func TestCommentsAndPagesAreInPlainEnglish(t *testing.T) {
	t.Parallel()
	for _, f := range everyFile(t) {
		if f.generated {
			continue
		}
		for _, group := range f.syntax.Comments {
			requirePlainEnglish(t, f.path, textOf(group))
		}
	}
	for _, p := range committed(t, ".md") {
		// The specification cites Fleet, the style page the words, and reports are of programs.
		if p == "docs/spec.md" || p == "docs/style.md" || strings.Contains(p, "testdata") || path.Base(p) == "report.md" {
			continue
		}
		requirePlainEnglish(t, p, page(t, p))
	}
}

// textOf returns the text of a comment in one line.
func textOf(group *ast.CommentGroup) string { return strings.Join(strings.Fields(group.Text()), " ") }
