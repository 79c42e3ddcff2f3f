// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package muster_test holds the rules that no compiler checks: which package may import
// which, what every file has to carry, what the module may depend on, and that everything
// that pages and comments name exists. It reads the source once and costs about a second.
package muster_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// upstream lists for each package of the engine the packages of this module that it may
// import, in the pipeline's order (pkg/registry/doc.go). A package without a row may not
// exist: first give it its place in the order.
//
// All of them may import pkg/apis/..., except index, which knows no kinds. A package below
// one of these is a part of it and follows the same row. A package whose name ends in
// "test" helps tests: it may import the package that it helps to test, and only tests
// import it.
var upstream = map[string][]string{
	"manifest":  {},
	"record":    {"manifest"},
	"etcd":      {"manifest", "record"},
	"index":     {},
	"targeting": {"index"},
	"names":     {},
	"rules":     {},
	"reports":   {},
	"summary":   {"reports"},
	"derive":    {"manifest", "index", "targeting", "rules", "reports"},
	"rollout":   {"record", "targeting", "derive"},
	"view":      {"manifest", "record", "index", "targeting", "derive", "reports"},
	"freshness": {},
	"ledger":    {"record", "targeting", "reports", "summary", "derive", "rollout", "view"},
	"state":     {"manifest", "record", "etcd", "index", "targeting", "names", "rules", "reports", "derive", "rollout", "view", "fair", "ledger"},
	"audit":     {"record", "etcd", "view"},
	"engine":    {"record", "etcd", "targeting", "rollout", "view", "freshness", "audit", "state"},
	"kinds":     {"names", "derive"},
	"fair":      {},
	"storage":   {"manifest", "record", "etcd", "index", "targeting", "reports", "derive", "rollout", "view", "engine", "kinds", "fair"},
	"endpoints": {"manifest", "record", "etcd", "view", "engine", "kinds", "storage"},
	"server":    {"kinds", "fair"},
	"metrics":   {"record", "etcd", "view", "engine", "kinds", "storage", "server"},
	whole:       {"etcd", "engine", "storage", "endpoints", "server", "metrics"},
}

// whole is the row of the package that wires all others of the engine.
const whole = "registry"

// stage returns the row of upstream that a folder of the engine belongs to.
func stage(dir string) (name string, inEngine bool) {
	if dir == "pkg/registry" {
		return whole, true
	}
	below, inEngine := strings.CutPrefix(dir, "pkg/registry/")
	name, _, _ = strings.Cut(below, "/")
	return name, inEngine
}

func TestPackagesImportOnlyUpstreamPackages(t *testing.T) {
	t.Parallel()
	for _, p := range modulePackages(t) {
		own, inEngine := stage(p.dir)
		if !inEngine {
			continue
		}
		allowed, known := upstream[own]
		if !assert.Truef(t, known, "%s has no place in the pipeline: add it to the table in imports_test.go and to pkg/registry/doc.go, or move the code to the package whose idea it belongs to", p.dir) {
			continue
		}
		for _, imported := range p.ours() {
			name, isStage := stage(imported)
			switch {
			case isStage && name == own:
				isPart := imported != "pkg/registry/"+own
				assert.Truef(t, isPart || forTests(p.dir), "%s imports %s, which it is a part of: the whole imports its parts, never the reverse", p.dir, imported)
			case isStage:
				assert.Containsf(t, allowed, name, "%s imports %s, which is not upstream of it: pass the value in, or declare a small interface in %s", p.dir, imported, p.dir)
			case within(imported, "pkg/apis"):
				assert.NotEqualf(t, "index", own, "%s imports %s: it knows labels, not kinds; turn the kind into labels and an id in targeting", p.dir, imported)
			case within(imported, "pkg/generated/openapi"):
				assert.Equalf(t, "server", own, "%s imports %s: only server publishes schemas", p.dir, imported)
			case imported == "pkg/invariants": // any package may check itself
			case imported == "pkg/garbage":
				assert.Equalf(t, "engine", own, "%s imports %s: only a load lets garbage pile up", p.dir, imported)
			default:
				assert.Failf(t, "the engine imports a package above it", "%s imports %s: pass the value in", p.dir, imported)
			}
		}
	}
}

// controllersMayUse are the engine's packages that controllers use: they read views and
// write records, and serve nothing.
var controllersMayUse = []string{"record", "etcd", "names", "derive", "targeting", "rollout", "view", "engine"}

// controllersShare are the packages below pkg/controller that several controllers use.
var controllersShare = []string{"follow", "queue", "ownership"}

func TestControllersOnlyReadViewsAndWriteRecords(t *testing.T) {
	t.Parallel()
	for _, p := range modulePackages(t) {
		if !within(p.dir, "pkg/controller") {
			continue
		}
		for _, imported := range p.ours() {
			name, isStage := stage(imported)
			switch {
			case isStage:
				assert.Containsf(t, controllersMayUse, name, "%s imports %s: work with views and records, or with the API like any client", p.dir, imported)
			case within(imported, "pkg/controller"):
				below, _ := strings.CutPrefix(imported, "pkg/controller/")
				assert.Truef(t, p.dir == "pkg/controller/loops" || slices.Contains(controllersShare, below), "%s imports %s: controllers meet only in the log; only loops imports all of them", p.dir, imported)
			default:
				assert.Truef(t, within(imported, "pkg/apis") || within(imported, "pkg/generated"), "%s imports %s: pass the value in", p.dir, imported)
			}
		}
	}
}

// forTests reports whether a package exists to help tests, like net/http/httptest.
func forTests(dir string) bool { return strings.HasSuffix(dir, "test") && strings.Contains(dir, "/") }

func TestOnlyTestsImportPackagesMadeForTests(t *testing.T) {
	t.Parallel()
	for _, p := range modulePackages(t) {
		if forTests(p.dir) || within(p.dir, "test") {
			continue
		}
		for _, imported := range p.ours() {
			assert.Falsef(t, forTests(imported), "%s imports %s, which is for tests: move what the product needs out of it", p.dir, imported)
		}
	}
}

// reaches lists rules of the form "only these packages may import that".
var reaches = []struct {
	prefix string   // of the import path
	only   []string // directories, with what is below them; pkg/registry is that package alone
	fix    string
}{
	{
		"k8s.io/apiserver",
		[]string{"pkg/registry", "pkg/registry/storage", "pkg/registry/kinds", "pkg/registry/endpoints", "pkg/registry/server", "pkg/etcdoptions", "cmd", "test"},
		"the engine must be usable without the API server: convert in pkg/registry/storage",
	},
	{"go.etcd.io/etcd/server", []string{"cmd/muster", "test", "pkg/registry/etcd/etcdtest"}, "only the all-in-one carries an etcd: take a *clientv3.Client"},
	{module + "/pkg/registry/etcd/etcdtest", []string{"test", "pkg/registry/etcd/etcdtest"}, "it starts an etcd for tests: import it from _test.go files only"},
	{
		"go.etcd.io/etcd/client",
		[]string{"pkg/registry", "pkg/registry/etcd", "pkg/registry/engine", "pkg/registry/storage", "pkg/etcdoptions", "cmd", "test"},
		"go through pkg/registry/etcd, which knows the log's rules",
	},
	{module + "/hack", []string{"hack"}, "hack holds programs for developers: move what the product needs to pkg"},
	{module + "/test", []string{"test"}, "test holds nothing that the product may need: move it to pkg"},
	{module + "/cmd", []string{"cmd"}, "a program is not a library: move what others need to pkg"},
}

func TestOnlyTheNamedPackagesReachHeavyDependencies(t *testing.T) {
	t.Parallel()
	for _, p := range modulePackages(t) {
		for _, rule := range reaches {
			if slices.ContainsFunc(rule.only, func(dir string) bool {
				return p.dir == dir || dir != "pkg/registry" && within(p.dir, dir)
			}) {
				continue
			}
			for _, path := range p.imports {
				assert.Falsef(t, within(path, rule.prefix), "%s imports %s, which only %s may: %s", p.dir, path, strings.Join(rule.only, ", "), rule.fix)
			}
		}
	}
}

// pure packages give the same answer for the same arguments, whenever and wherever they
// run. Otherwise two replicas would not agree.
var pure = []string{"manifest", "index", "targeting", "names", "rules", "reports", "summary", "derive", "rollout"}

func TestPurePackagesHaveNoContextNoLogAndNoClock(t *testing.T) {
	t.Parallel()
	unwanted := []string{"context", "log", "k8s.io/klog", "github.com/go-logr", "math/rand", "crypto/rand", "os", "net"}
	for _, p := range modulePackages(t) {
		if name, inEngine := stage(p.dir); !inEngine || !slices.Contains(pure, name) {
			continue
		}
		for _, path := range p.imports {
			if path == "math/rand/v2" {
				continue // a generator that is given its seed; the calls below find one that is not
			}
			for _, u := range unwanted {
				assert.Falsef(t, within(path, u), "%s imports %s but must stay pure: take the value as an argument, and report trouble in the result", p.dir, path)
			}
		}
		for _, f := range p.files {
			for _, call := range f.calls("time", "Now", "Since", "Until", "After", "Tick", "NewTimer", "NewTicker", "Sleep") {
				assert.Failf(t, "a pure package reads the clock", "%s: take the time as an argument", call)
			}
			for _, call := range f.calls("math/rand/v2", "Int", "IntN", "Int64", "Int64N", "Uint32", "Uint64", "N", "Float64", "Perm", "Shuffle") {
				assert.Failf(t, "a pure package draws at random", "%s: draw from a generator seeded by the facts", call)
			}
		}
	}
}

func TestIndexNeverLearnsTheWordBundle(t *testing.T) {
	t.Parallel()
	for _, p := range modulePackages(t) {
		if !within(p.dir, "pkg/registry/index") {
			continue
		}
		for _, f := range append(slices.Clone(p.files), p.tests...) {
			assert.NotContainsf(t, strings.ToLower(f.text), "bundle", "%s: index finds ids by labels; call them ids", f.path)
		}
	}
}
