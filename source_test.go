// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package muster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/musterfleet/muster"

// pkg holds one package of this module, as its files are on disk.
type pkg struct {
	dir     string   // relative to the module, with slashes
	imports []string // of the files that are not tests
	files   []*file  // not tests
	tests   []*file
}

// file is one Go source file.
type file struct {
	path      string // relative to the module, with slashes
	text      string
	syntax    *ast.File
	positions *token.FileSet
	generated bool
}

// ours returns the imported packages of this module, relative to it.
func (p *pkg) ours() (dirs []string) {
	for _, path := range p.imports {
		if dir, ours := strings.CutPrefix(path, module+"/"); ours {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// calls returns the places where the file uses one of the names of the imported package
// with this path, whether it calls the function or passes it on.
func (f *file) calls(importPath string, names ...string) []string {
	local := ""
	for _, spec := range f.syntax.Imports {
		if strings.Trim(spec.Path.Value, `"`) != importPath {
			continue
		}
		local = path.Base(strings.TrimSuffix(importPath, "/v2"))
		if spec.Name != nil {
			local = spec.Name.Name
		}
	}
	if local == "" {
		return nil
	}
	var found []string
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains(names, selector.Sel.Name) {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == local {
			found = append(found, fmt.Sprintf("%s:%d: %s.%s", f.path, f.positions.Position(n.Pos()).Line, local, selector.Sel.Name))
		}
		return true
	})
	return found
}

// within reports whether a slash-separated path is dir or lies below it.
func within(path, dir string) bool {
	rest, found := strings.CutPrefix(path, dir)
	return found && (rest == "" || rest[0] == '/')
}

// withoutGeneratedLine removes the line that marks a file as generated, which some
// generators put above the licence and some below.
func withoutGeneratedLine(text string) string {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.HasPrefix(first, "// Code generated ") {
		return strings.TrimPrefix(rest, "\n")
	}
	return text
}

var load = sync.OnceValues(loadModule)

func modulePackages(t *testing.T) []*pkg {
	t.Helper()
	packages, err := load()
	require.NoError(t, err)
	require.NotEmpty(t, packages)
	return packages
}

// everyFile returns the Go files of the module, and of the nested modules, which go list does
// not show.
func everyFile(t *testing.T) []*file {
	t.Helper()
	var files []*file
	for _, p := range modulePackages(t) {
		files = append(append(files, p.files...), p.tests...)
	}
	known := map[string]bool{}
	for _, f := range files {
		known[f.path] = true
	}
	for _, name := range committed(t, ".go") {
		if known[name] || strings.Contains(name, "testdata/") {
			continue
		}
		f, err := loadFile(name)
		if os.IsNotExist(err) {
			continue // removed in the working tree, not yet in the index
		}
		require.NoError(t, err)
		files = append(files, f)
	}
	return files
}

func loadModule() ([]*pkg, error) {
	root, err := os.Getwd() // go test runs in the package's folder: the module's root
	if err != nil {
		return nil, err
	}
	// With -e: the compiler reports packages that do not compile.
	list := exec.Command("go", "list", "-e", "-json=Dir,Imports,GoFiles,IgnoredGoFiles,CgoFiles,TestGoFiles,XTestGoFiles", "./...")
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var packages []*pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var listed struct {
			Dir                                                                   string
			Imports, GoFiles, IgnoredGoFiles, CgoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		dir, err := filepath.Rel(root, listed.Dir)
		if err != nil {
			return nil, err
		}
		p := &pkg{dir: filepath.ToSlash(dir), imports: listed.Imports}
		for _, name := range slices.Concat(listed.GoFiles, listed.IgnoredGoFiles, listed.CgoFiles, listed.TestGoFiles, listed.XTestGoFiles) {
			f, err := loadFile(path.Join(p.dir, name))
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(name, "_test.go") {
				p.tests = append(p.tests, f)
			} else {
				p.files = append(p.files, f)
			}
		}
		packages = append(packages, p)
	}
}

func loadFile(path string) (*file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &file{path: path, text: string(text), syntax: syntax, positions: positions, generated: ast.IsGenerated(syntax)}, nil
}

func TestCallsAreFoundUnderAnyImportName(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, source string
		want         int
	}{
		{"a plain import", "package p\nimport \"time\"\nvar _ = time.Now()", 1},
		{"a renamed import", "package p\nimport clock \"time\"\nvar _ = clock.Now()", 1},
		{"a function that is passed on and not called", "package p\nimport \"time\"\nvar now = time.Now", 1},
		{"another function of the package", "package p\nimport \"time\"\nvar _ = time.Unix(0, 0)", 0},
		{"a method of the same name on something else", "package p\nvar time T\nvar _ = time.Now()", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			positions := token.NewFileSet()
			syntax, err := parser.ParseFile(positions, "p.go", c.source, 0)
			require.NoError(t, err)
			f := &file{path: "p.go", syntax: syntax, positions: positions}
			require.Len(t, f.calls("time", "Now"), c.want)
		})
	}
}

func TestWithinComparesWholePathElements(t *testing.T) {
	t.Parallel()
	require.True(t, within("k8s.io/apiserver", "k8s.io/apiserver"))
	require.True(t, within("k8s.io/apiserver/pkg/server", "k8s.io/apiserver"))
	require.False(t, within("k8s.io/apiserverless", "k8s.io/apiserver"))
	require.False(t, within("logic", "log"))
}
