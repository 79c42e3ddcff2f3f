// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package muster_test

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parents are the top-level folders that README.md's tree shows folder by folder; it has
// one row for each other.
var parents = []string{"cmd", "pkg", "test"}

func TestTheTreeOfREADMEHasEachFolderAndNoOther(t *testing.T) {
	t.Parallel()
	folders := map[string]bool{}
	for _, name := range committed(t, "") {
		parts := strings.Split(name, "/")
		switch {
		case len(parts) < 2 || strings.HasPrefix(name, ".") || !exists(t, name):
		case slices.Contains(parents, parts[0]):
			require.Greaterf(t, len(parts), 2, "%s: no file stands between the folders of %s", name, parts[0])
			folders[path.Join(parts[:2]...)] = true
		default:
			folders[parts[0]] = true
		}
	}
	tree := regexp.MustCompile("(?s)\n```\n(cmd/.*?)```\n").FindStringSubmatch(page(t, "README.md"))
	require.NotNil(t, tree, "README.md has no block of folders that begins with cmd")
	var rows []string
	for row := range strings.Lines(tree[1]) {
		rows = append(rows, strings.Fields(row)[0])
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(folders)), rows, "README.md's tree has a row for each folder below %s, and one for each other top-level folder", strings.Join(parents, ", "))
}
