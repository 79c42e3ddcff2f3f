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

// parents are the top-level folders that README.md's tree shows folder by folder; every
// other top-level folder has one row.
var parents = []string{"cmd", "pkg", "test"}

func TestTheTreeInREADMEListsExactlyTheFolders(t *testing.T) {
	t.Parallel()
	folders := map[string]bool{}
	for _, name := range committed(t, "") {
		parts := strings.Split(name, "/")
		switch {
		case len(parts) < 2 || strings.HasPrefix(name, ".") || !exists(t, name):
		case slices.Contains(parents, parts[0]):
			require.Greaterf(t, len(parts), 2, "%s: a file must not stand between the folders of %s", name, parts[0])
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

// mapFrom is the number of files from which a package comment has to map them.
const mapFrom = 4

// named matches names of Go files in a package comment, and patterns of such names. Every
// comment may name a file next to go.mod. A path is not a name.
var named = regexp.MustCompile(`(?:^|[^/\w.*])([a-z*][\w*]*\.go)\b`)

func TestAPackageCommentMapsTheFilesOfItsFolder(t *testing.T) {
	t.Parallel()
	byFolder := map[string][]*file{}
	for _, f := range everyFile(t) {
		if folder := path.Dir(f.path); !f.generated {
			byFolder[folder] = append(byFolder[folder], f)
		}
	}
	for folder, files := range byFolder {
		comment, sources := "", []string{}
		for _, f := range files {
			if name := path.Base(f.path); !strings.HasSuffix(name, "_test.go") && name != "doc.go" {
				sources = append(sources, name)
			}
			comment += f.syntax.Doc.Text()
		}
		if len(sources) > 0 {
			assert.NotEmptyf(t, comment, "%s has no package comment: say what it holds, what it promises, what it costs and who may call it from where", folder)
		}
		var names []string
		for _, found := range named.FindAllStringSubmatch(comment, -1) {
			names = append(names, found[1])
		}
		covers := func(name, file string) bool {
			matched, err := path.Match(name, file)
			return err == nil && matched
		}
		for _, name := range names {
			there := exists(t, name) || slices.ContainsFunc(files, func(f *file) bool { return covers(name, path.Base(f.path)) })
			assert.Truef(t, there, "the package comment of %s names %s, which does not exist", folder, name)
		}
		if len(sources) < mapFrom {
			continue
		}
		for _, source := range sources {
			assert.Truef(t, slices.ContainsFunc(names, func(name string) bool { return covers(name, source) }),
				"the package comment of %s does not map %s: say in a line what the file holds", folder, source)
		}
	}
}
