// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package muster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cited holds the form of a citation of a section, by the cited page.
var cited = map[string]*regexp.Regexp{
	"docs/spec.md":          regexp.MustCompile(`\bS (\d+(?:\.\d+)?)(?:[a-z]|\(|\b)`),
	"docs/design.md":        regexp.MustCompile(`design\.md\)? §(\d+(?:\.\d+)?)`),
	"docs/k8s-apiserver.md": regexp.MustCompile(`k8s-apiserver\.md\)? §(\d+(?:\.\d+)?)`),
}

var (
	heading     = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	numbered    = regexp.MustCompile(`(?m)^#{2,3} (\d+(?:\.\d+)?)\.? `)
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fenced      = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	linkInTitle = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// committed returns the files of the checkout with one of the suffixes, "" for all.
func committed(t *testing.T, suffixes ...string) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "-co", "--exclude-standard").Output()
	require.NoError(t, err, "git lists the files of this checkout")
	var paths []string
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		for _, suffix := range suffixes {
			if strings.HasSuffix(path, suffix) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// exists reports whether a file of the checkout is in the working tree.
func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return err == nil
}

// page returns the text of a file, or "" if it was removed in the working tree.
func page(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(text)
}

func TestEverySectionThatIsCitedExists(t *testing.T) {
	t.Parallel()
	cites := 0
	for in, citation := range cited {
		sections := map[string]bool{}
		for _, found := range numbered.FindAllStringSubmatch(page(t, in), -1) {
			sections[found[1]] = true
		}
		require.NotEmpty(t, sections, "%s has no numbered headings", in)
		for _, path := range committed(t, ".go", ".md", ".sh", ".yaml") {
			for _, found := range citation.FindAllStringSubmatch(page(t, path), -1) {
				cites++
				section, _, _ := strings.Cut(found[1], ".")
				exists := sections[found[1]] || in != "docs/spec.md" && sections[section]
				assert.Truef(t, exists, "%s cites %q, and %s has no section %s", path, found[0], in, found[1])
			}
		}
	}
	require.Greater(t, cites, 100, "the citations are no longer found")
}

func TestEveryPageIsOnTheMap(t *testing.T) {
	t.Parallel()
	onTheMap := map[string]bool{"docs/README.md": true}
	for _, found := range link.FindAllStringSubmatch(page(t, "docs/README.md"), -1) {
		onTheMap[filepath.Join("docs", found[1])] = true
	}
	for _, path := range committed(t, ".md") {
		if within(path, "docs") && page(t, path) != "" {
			assert.Truef(t, onTheMap[path], "%s: docs/README.md has no row for it", path)
		}
	}
}

func TestEveryLinkOfAPageLeadsSomewhere(t *testing.T) {
	t.Parallel()
	for _, path := range committed(t, ".md") {
		if strings.Contains(path, "/testdata/") {
			continue // the output of a program
		}
		for _, found := range link.FindAllStringSubmatch(fenced.ReplaceAllString(page(t, path), ""), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(found[1], "#")
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(to); !assert.NoErrorf(t, err, "%s links to %s", path, found[1]) || anchor == "" {
				continue
			}
			assert.Truef(t, anchors(page(t, to))[anchor], "%s links to %s, and no heading there has that anchor", path, found[1])
		}
	}
}

// anchors returns the anchors of the headings of a page, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		title := linkInTitle.ReplaceAllString(found[1], "$1")
		title = notInAnchor.ReplaceAllString(strings.ToLower(title), "")
		all[strings.ReplaceAll(title, " ", "-")] = true
	}
	return all
}
