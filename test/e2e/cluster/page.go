// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"
)

// Block is a code block of a page of docs.
type Block struct {
	// Name is that of its step.
	Name string
	// Script is the text of the block.
	Script string
}

// mark begins the comment before a step; block matches both.
const mark = "<!-- step:"

var block = regexp.MustCompile("(?ms)^<!-- step: ([a-z0-9-]+) -->\n```bash\n(.*?)^```")

// Page returns the named code blocks of a page of docs, in order. It fails if it does not find
// each of them, such as one that is indented.
func Page(t T, page string) []Block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Checkout(t), "docs", page))
	require.NoError(t, err)
	all, err := blocks(string(text))
	require.NoError(t, err, page)
	return all
}

func blocks(text string) ([]Block, error) {
	var all []Block
	for _, found := range block.FindAllStringSubmatch(text, -1) {
		all = append(all, Block{Name: found[1], Script: found[2]})
	}
	if marks := strings.Count(text, mark); marks != len(all) {
		return nil, fmt.Errorf("%d marks of steps, and %d blocks that follow one: do not indent them", marks, len(all))
	}
	return all, nil
}

// Step returns the code block with a name in a page of docs.
func Step(t T, page, name string) string {
	t.Helper()
	for _, each := range Page(t, page) {
		if each.Name == name {
			return each.Script
		}
	}
	require.Fail(t, "no such step", "%s has no step %q", page, strings.TrimSpace(name))
	return ""
}
