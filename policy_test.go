// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package muster_test

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const licenceHeader = "// Copyright The Muster Authors.\n// SPDX-License-Identifier: Apache-2.0\n\n"

// maxLines is the length from which a hand-written file is no longer one noun or one verb.
// The style guide says about 400; this leaves room for a table.
const maxLines = 400

func TestEveryGoFileStartsWithTheLicenceHeader(t *testing.T) {
	t.Parallel()
	for _, f := range everyFile(t) {
		text := f.text
		if constraint, rest, found := strings.Cut(text, "\n\n"); found && strings.HasPrefix(constraint, "//go:build ") {
			text = rest // gofmt and the generators put the build constraint first
		}
		if f.generated {
			text = withoutGeneratedLine(text)
		}
		assert.Truef(t, strings.HasPrefix(text, licenceHeader), "%s: put the two lines of hack/ci/boilerplate.go.txt and an empty line first", f.path)
	}
}

func TestHandWrittenFilesStayShort(t *testing.T) {
	t.Parallel()
	for _, f := range everyFile(t) {
		if lines := strings.Count(f.text, "\n"); !f.generated {
			assert.LessOrEqualf(t, lines, maxLines, "%s has %d lines: split it by noun or verb", f.path, lines)
		}
	}
}

func TestNoPackageHasACatchAllName(t *testing.T) {
	t.Parallel()
	for _, p := range modulePackages(t) {
		name := p.dir[strings.LastIndex(p.dir, "/")+1:]
		assert.NotContainsf(t, []string{"util", "utils", "common", "helper", "helpers", "misc", "types"}, name, "%s: name the package after the idea that it holds", p.dir)
	}
}

// leftovers are words that say "later"; later is an issue, not a comment.
var leftovers = []struct {
	found *regexp.Regexp
	fix   string
}{
	{regexp.MustCompile(`//.*\b(TODO|FIXME|XXX)\b`), "do it, or file an issue and say here what holds today"},
	{regexp.MustCompile(`\b[tb]\.Skip(f|Now)?\(`), "a skipped test proves nothing: make it run everywhere or delete it"},
}

func TestNoFilePostponesWork(t *testing.T) {
	t.Parallel()
	for _, f := range everyFile(t) {
		if f.generated || f.path == "policy_test.go" {
			continue
		}
		for _, l := range leftovers {
			assert.Emptyf(t, l.found.FindAllString(f.text, -1), "%s: %s", f.path, l.fix)
		}
	}
}

func TestNoTestSleeps(t *testing.T) {
	t.Parallel()
	for _, f := range everyFile(t) {
		if !strings.HasSuffix(f.path, "_test.go") && !within(f.path, "test/e2e") {
			continue
		}
		for _, call := range f.calls("time", "Sleep") {
			assert.Failf(t, "a test sleeps", "%s: wait for the expected event, or use testing/synctest", call)
		}
	}
}

// direct are the modules that go.mod may require without "// indirect". Each further one
// has to be read, updated and trusted for ever.
var direct = []string{
	"github.com/Masterminds/sprig/v3", // template functions, as Fleet's (S 3.3)
	"github.com/google/btree",         // ordered tables of a view
	"github.com/google/uuid",          // UUIDv5 identities
	"github.com/klauspost/compress",   // zstd with a dictionary: reports in a tenth of their JSON
	"github.com/reugn/go-quartz",      // cron expressions of Schedules, as Fleet reads them
	"github.com/spf13/cobra",          // subcommands, as the API server's
	"github.com/spf13/pflag",          // double-dash flags, as the API server's
	"github.com/stretchr/testify",     // tests
	"go.etcd.io/bbolt",                // the all-in-one reads etcd's database before etcd does
	"go.etcd.io/etcd/api/v3",
	"go.etcd.io/etcd/client/pkg/v3", // TLS to etcd, with certificates that are reloaded
	"go.etcd.io/etcd/client/v3",
	"go.etcd.io/etcd/server/v3", // the all-in-one's etcd
	"go.uber.org/zap",           // embedded etcd takes its logger
	"go.yaml.in/yaml/v2",        // bounds what a rendered template may parse to
	"golang.org/x/sync",
	"google.golang.org/grpc",           // the log's watch gets a stream of its own
	"gopkg.in/natefinch/lumberjack.v2", // rotates the embedded etcd's log
	"k8s.io/api",
	"k8s.io/apimachinery",
	"k8s.io/apiserver",
	"k8s.io/client-go",
	"k8s.io/code-generator", // generators, run by hack/ci/update-codegen.sh
	"k8s.io/component-base",
	"k8s.io/klog/v2",
	"k8s.io/kube-openapi",
	"k8s.io/utils",
	"sigs.k8s.io/json", "sigs.k8s.io/randfill", // fuzzers of the API types
	"sigs.k8s.io/structured-merge-diff/v6",
	"sigs.k8s.io/yaml",
}

func TestGoModHoldsOnlyApprovedDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	require.NoError(t, err)
	var mod struct {
		Replace []struct{ Old struct{ Path string } }
		Exclude []struct{ Path string }
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	for _, r := range mod.Replace {
		assert.Failf(t, "go.mod replaces a module", "%s: modules that import Muster do not get the replacement; require a version that works", r.Old.Path)
	}
	assert.Empty(t, mod.Exclude, "go.mod excludes a module: require a version that works instead")
	for _, r := range mod.Require {
		if !r.Indirect {
			assert.Containsf(t, direct, r.Path, "go.mod requires %s: do without it, or add it to the list in policy_test.go with its reason", r.Path)
		}
	}
}

// machinePaths are folders that exist on one machine only.
var machinePaths = []string{"/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"}

func TestNoFileNamesAMachinesFolders(t *testing.T) {
	t.Parallel()
	for _, path := range committed(t, "") {
		text := page(t, path)
		for _, m := range machinePaths {
			assert.NotContainsf(t, text, m, "%s: use a path relative to the checkout, or a temporary folder", path)
		}
	}
}
