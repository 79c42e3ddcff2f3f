// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package muster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

var (
	fence = regexp.MustCompile("(?m)^ *```(\\w*)$")
	mark  = regexp.MustCompile(`(?s)(.*\n)?( *)<!-- (step|not run): ([^\n]+) -->\n$`)
)

// operatorsPages returns the pages that docs/README.md lists for operators.
func operatorsPages(t *testing.T) []string {
	t.Helper()
	_, text, found := strings.Cut(page(t, "docs/README.md"), "## For operators")
	require.True(t, found)
	text, _, found = strings.Cut(text, "## For developers")
	require.True(t, found)
	var all []string
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(found[1], "/") {
			all = append(all, "docs/"+found[1])
		}
	}
	require.Greater(t, len(all), 5)
	return all
}

// follows is a call of test/e2e/pages that runs the steps of a page from one to another.
var follows = regexp.MustCompile(`\.follow\(t, "([a-z.]+)", "([a-z-]+)", "([a-z-]+)"`)

// runners knows which steps of pages tests run.
type runners struct {
	// folders holds the code of each folder below test/e2e.
	folders map[string]string
	// ranges are the first and the last steps of each page that are followed in order.
	ranges map[string][][2]string
}

func newRunners(t *testing.T) *runners {
	t.Helper()
	r := &runners{folders: map[string]string{}, ranges: map[string][][2]string{}}
	for _, path := range committed(t, ".go") {
		if within(path, "test/e2e") {
			r.folders[filepath.Dir(path)] += page(t, path)
		}
	}
	for _, found := range follows.FindAllStringSubmatch(r.folders["test/e2e/pages"], -1) {
		r.ranges["docs/"+found[1]] = append(r.ranges["docs/"+found[1]], [2]string{found[2], found[3]})
	}
	require.NotEmpty(t, r.ranges, "the calls are no longer found")
	return r
}

// run reports whether a step, one of all steps of the page in order, is run: within a range
// that is followed, or by a folder that names both the page and the step.
func (r *runners) run(page, step string, all []string) bool {
	at := slices.Index(all, step)
	for _, each := range r.ranges[page] {
		if slices.Index(all, each[0]) <= at && at <= slices.Index(all, each[1]) {
			return true
		}
	}
	for _, code := range r.folders {
		if strings.Contains(code, `"`+filepath.Base(page)+`"`) && strings.Contains(code, `"`+step+`"`) {
			return true
		}
	}
	return false
}

// A block of commands on a page for operators is run by a test, or says why not.
func TestEveryCommandOfAPageIsRunOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	tests, steps := newRunners(t), 0
	for _, path := range operatorsPages(t) {
		text := page(t, path)
		fences := fence.FindAllStringSubmatchIndex(text, -1)
		require.Zerof(t, len(fences)%2, "%s: a code block has no end", path)
		var all []string
		for i := 0; i < len(fences); i += 2 {
			opening, language := text[:fences[i][0]], text[fences[i][2]:fences[i][3]]
			code := text[fences[i][1]:fences[i+1][0]]
			if language == "text" || language == "yaml" {
				continue
			}
			found := mark.FindStringSubmatch(opening)
			if !assert.NotEmptyf(t, found, "%s: say \"step: NAME\" or \"not run: REASON\" in a comment before%s", path, code) {
				continue
			}
			assert.Equalf(t, "bash", language, "%s: the language of%s", path, code)
			if found[3] == "step" {
				assert.Emptyf(t, found[2], "%s: tests find only steps that are not indented: %s", path, found[4])
				assert.NotContainsf(t, all, found[4], "%s: two steps have one name", path)
				all = append(all, found[4])
			}
		}
		for _, step := range all {
			assert.Truef(t, tests.run(path, step, all), "%s: no test runs the step %s", path, step)
		}
		steps += len(all)
	}
	require.Greater(t, steps, 10, "the steps are no longer found")
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
