// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// example is an object of one kind, as a user writes it.
type example struct {
	// body is the JSON after the metadata, with a %s in a field that gets one of two
	// values.
	body   string
	values [2]string
	// path is the field, in the notation of jsonpath and kubectl explain.
	path string
	// about is part of the field's documentation.
	about string
}

// examples has a row for every kind that clients write; a kind without a row fails the test.
var examples = map[string]example{
	"bundles":                   {`"spec": {"defaultNamespace": "%s"}`, [2]string{"web", "shop"}, "spec.defaultNamespace", "namespace"},
	"bundlenamespacemappings":   {`"bundleSelector": {"matchLabels": {"app": "%s"}}, "namespaceSelector": {"matchLabels": {"team": "a"}}`, [2]string{"web", "shop"}, "bundleSelector.matchLabels", "key,value"},
	"clusters":                  {`"spec": {"agentNamespace": "%s"}`, [2]string{"fleet", "agents"}, "spec.agentNamespace", "agent"},
	"clustergroups":             {`"spec": {"selector": {"matchLabels": {"env": "%s"}}}`, [2]string{"test", "prod"}, "spec.selector.matchLabels", "key,value"},
	"clusterregistrations":      {`"spec": {"clientID": "a", "clientRandom": "%s"}`, [2]string{"x1", "x2"}, "spec.clientRandom", "agent"},
	"clusterregistrationtokens": {`"spec": {"ttl": "%s"}`, [2]string{"1h", "2h"}, "spec.ttl", "token"},
	"gitrepos":                  {`"spec": {"repo": "https://git.example.com/a", "branch": "%s"}`, [2]string{"main", "next"}, "spec.branch", "branch"},
	"gitreporestrictions":       {`"defaultServiceAccount": "%s"`, [2]string{"deployer", "nobody"}, "defaultServiceAccount", "account"},
	"helmops":                   {`"spec": {"helm": {"repo": "https://charts.example.com", "chart": "a", "version": "%s"}}`, [2]string{"1.0.0", "2.0.0"}, "spec.helm.version", "version"},
	"imagescans":                {`"spec": {"image": "registry.example.com/a", "interval": "15m", "tagName": "%s"}`, [2]string{"web", "shop"}, "spec.tagName", "scan"},
	"policies":                  {`"gitRepo": {"defaultServiceAccount": "%s"}`, [2]string{"deployer", "nobody"}, "gitRepo.defaultServiceAccount", "account"},
	"schedules":                 {`"spec": {"schedule": "0 0 1 * * *", "duration": "%s"}`, [2]string{"1h", "2h"}, "spec.duration", "window"},
}

func (e example) manifest(kind *kinds.Kind, name string, value int) string {
	return manifest(kind.Kind, name, fmt.Sprintf(e.body, e.values[value]))
}

// patch returns a merge patch that sets the field.
func (e example) patch(value int) string { return "{" + fmt.Sprintf(e.body, e.values[value]) + "}" }

func (e example) value(t *testing.T, p person, kind *kinds.Kind, name string) string {
	t.Helper()
	return p.does(t, "get", kind.Plural, name, "-o", "jsonpath={."+e.path+"}")
}

func TestKubectlHandlesEveryKindThatUsersWrite(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds.All() {
		if kind.Computed || kind.Plural == "contents" {
			continue // see TestComputedKindsAreReadAndTheirWritesRefusedWithAdvice
		}
		t.Run(kind.Plural, func(t *testing.T) {
			t.Parallel()
			e, ok := examples[kind.Plural]
			require.True(t, ok, "give %s a row in examples", kind.Plural)
			p := administrator(t)
			work(t, p, kind, e)
		})
	}
}

// work does with one kind what a user does in a day.
func work(t *testing.T, p person, kind *kinds.Kind, e example) {
	plural, name := kind.Plural, kind.Singular+".fleet.cattle.io"
	expect := func(want, got string) {
		t.Helper()
		require.Equal(t, want, strings.TrimSpace(got))
	}

	// kube-apiserver merges documentation with a delay.
	waitFor(t, "kubectl explain has the field's documentation", func() bool {
		out, _, err := p.Kubectl("explain", plural+"."+e.path)
		return err == nil && strings.Contains(out, e.about)
	})

	// This watch is open from here on; its output is checked at the end.
	feed := p.follows(t, "get", plural, "--watch", "--output-watch-events", "--request-timeout=0")

	expect(name+"/one created (server dry run)", p.types(t, e.manifest(kind, "one", 0), "create", "-f", "-", "--dry-run=server"))
	require.Contains(t, p.isRefused(t, "get", plural, "one"), "NotFound", "a dry run leaves nothing behind")
	expect(name+"/one created", p.types(t, e.manifest(kind, "one", 0), "create", "-f", "-"))
	require.Contains(t, p.typesAndIsRefused(t, e.manifest(kind, "one", 0), "create", "-f", "-"), "AlreadyExists")
	expect(name+"/one", p.does(t, "get", kind.Singular, "-o", "name"))
	require.Contains(t, e.value(t, p, kind, "one"), e.values[0])
	require.Contains(t, p.does(t, "get", plural, "one", "-o", "yaml"), "kind: "+kind.Kind+"\n")
	described := p.does(t, "describe", kind.Singular, "one")
	require.Regexp(t, `(?m)^Kind: +`+kind.Kind+`$`, described)
	require.Contains(t, described, e.values[0])

	expect(name+"/one labeled", p.does(t, "label", plural, "one", "team=a"))
	expect(name+"/one annotated", p.does(t, "annotate", plural, "one", "example.com/a=b"))
	expect(name+"/one condition met", p.does(t, "wait", plural, "one", "--for=jsonpath={.metadata.labels.team}=a", "--timeout=30s"))

	expect(name+"/one patched", p.does(t, "patch", plural, "one", "--type=merge", "-p", e.patch(1)))
	require.Contains(t, e.value(t, p, kind, "one"), e.values[1])
	expect(name+"/one patched", p.does(t, "patch", plural, "one", "--type=json", "-p", `[{"op": "replace", "path": "/metadata/labels/team", "value": "b"}]`))
	expect("b", p.does(t, "get", plural, "one", "-o", "jsonpath={.metadata.labels.team}"))
	for _, strategic := range [][]string{{}, {"--type=strategic"}} {
		require.Contains(t, p.isRefused(t, append([]string{"patch", plural, "one", "-p", e.patch(0)}, strategic...)...),
			"application/strategic-merge-patch+json is not supported", "415")
	}

	old := p.does(t, "get", plural, "one", "-o", "json")
	expect(name+"/one replaced", p.types(t, strings.Replace(old, `"team": "b"`, `"team": "c"`, 1), "replace", "-f", "-"))
	require.Contains(t, p.typesAndIsRefused(t, old, "replace", "-f", "-"), "Conflict", "an edit of an outdated object")
	expect(name+"/one replaced", p.types(t, e.manifest(kind, "one", 0), "replace", "-f", "-"))
	expect("", p.does(t, "get", plural, "one", "-o", "jsonpath={.metadata.labels}"))

	clientSideApply(t, p, kind, e)
	serverSideApply(t, p, kind, e)
	lists(t, p, kind)
	deletions(t, p, kind, e)

	// Six edits, and the deletion in the foreground, which first only sets a timestamp.
	want := slices.Concat([]string{"ADDED one"}, slices.Repeat([]string{"MODIFIED one"}, 7), []string{"DELETED one"})
	waitFor(t, "the watch shows the last deletion", func() bool { return strings.Contains(feed.Output(), "DELETED    last") })
	got := words(feed.Output(), 2)[1:]
	of := func(name string) []string {
		return slices.DeleteFunc(slices.Clone(got), func(line string) bool { return !strings.HasSuffix(line, " "+name) })
	}
	require.Equal(t, want, of("one"), "exactly its changes, in order")
	require.Equal(t, []string{"ADDED last", "DELETED last"}, of("last"))
	feed.Kill()
}

func clientSideApply(t *testing.T, p person, kind *kinds.Kind, e example) {
	t.Helper()
	name := kind.Singular + ".fleet.cattle.io/applied"
	require.Equal(t, name+" created\n", p.types(t, e.manifest(kind, "applied", 0), "apply", "-f", "-"))
	require.Equal(t, name+" unchanged\n", p.types(t, e.manifest(kind, "applied", 0), "apply", "-f", "-"))
	require.Equal(t, name+" configured (server dry run)\n", p.types(t, e.manifest(kind, "applied", 1), "apply", "-f", "-", "--dry-run=server"))
	require.Equal(t, name+" configured\n", p.types(t, e.manifest(kind, "applied", 1), "apply", "-f", "-"))
	require.Contains(t, e.value(t, p, kind, "applied"), e.values[1])
}

func serverSideApply(t *testing.T, p person, kind *kinds.Kind, e example) {
	t.Helper()
	name := kind.Singular + ".fleet.cattle.io/shared serverside-applied\n"
	apply := func(value int, more ...string) []string {
		p.Stdin = e.manifest(kind, "shared", value)
		return append([]string{"apply", "--server-side", "-f", "-"}, more...)
	}
	require.Equal(t, name, p.does(t, apply(0, "--field-manager=first")...))
	// Two managers share an equal value; a different value is a conflict.
	require.Equal(t, name, p.does(t, apply(0, "--field-manager=second")...))
	refusal := p.isRefused(t, apply(1, "--field-manager=second")...)
	require.Contains(t, refusal, `conflict with "first"`)
	require.Contains(t, e.value(t, p, kind, "shared"), e.values[0])
	managers := p.does(t, "get", kind.Plural, "shared", "--show-managed-fields", "-o", "jsonpath={range .metadata.managedFields[*]}{.manager}={.operation} {end}")
	require.ElementsMatch(t, []string{"first=Apply", "second=Apply"}, strings.Fields(managers))
	require.Equal(t, name, p.does(t, apply(1, "--field-manager=second", "--force-conflicts")...))
	require.Contains(t, e.value(t, p, kind, "shared"), e.values[1])
}

// lists tests the ways to read many objects; the objects are one, applied and shared.
func lists(t *testing.T, p person, kind *kinds.Kind) {
	t.Helper()
	plural, prefix := kind.Plural, kind.Singular+".fleet.cattle.io/"
	all := prefix + "applied\n" + prefix + "one\n" + prefix + "shared\n"
	require.Equal(t, all, p.does(t, "get", plural, "-o", "name"))
	require.Equal(t, all, p.does(t, "get", plural, "-o", "name", "--chunk-size=1"))
	require.Equal(t, all, p.does(t, "get", kind.Plural+".v1alpha1.fleet.cattle.io", "-o", "name"))
	require.Equal(t, prefix+"one\n", p.does(t, "get", plural, "-o", "name", "--field-selector=metadata.name=one"))
	require.Contains(t, p.isRefused(t, "get", plural, "--field-selector=spec.paused=true"), "not a known field selector")
	p.does(t, "label", plural, "applied", "shared", "tier=web")
	require.Equal(t, prefix+"applied\n"+prefix+"shared\n", p.does(t, "get", plural, "-l", "tier=web", "-o", "name"))
	require.Equal(t, prefix+"one\n", p.does(t, "get", plural, "-l", "!tier", "-o", "name"))

	headers := []string{"NAME"}
	for _, column := range kind.Columns {
		headers = append(headers, strings.ToUpper(column.Header))
	}
	if len(kind.Columns) == 0 {
		headers = append(headers, "AGE")
	}
	for _, format := range []string{"", "wide"} {
		table := p.does(t, "get", plural, "-o", format)
		require.Equal(t, []string{"NAME", "applied", "one", "shared"}, words(table, 1))
		require.Equal(t, headers, strings.Fields(strings.SplitN(table, "\n", 2)[0]))
	}
	if slices.Contains(kind.Categories, "fleet") {
		require.Contains(t, p.does(t, "get", "fleet", "-o", "name"), all)
	}

	// A watch with a time limit ends by itself and has seen nothing.
	out, _, err := p.Kubectl(p.in([]string{"get", plural, "--watch-only", "--request-timeout=1s"})...)
	require.NoError(t, err)
	require.Empty(t, out)
}

func deletions(t *testing.T, p person, kind *kinds.Kind, e example) {
	t.Helper()
	plural, name := kind.Plural, kind.Singular+".fleet.cattle.io"
	require.Contains(t, p.does(t, "delete", plural, "one", "--dry-run=server"), "(server dry run)")
	p.does(t, "get", plural, "one")
	require.Contains(t, p.does(t, "delete", plural, "one", "--cascade=foreground"), `"one" deleted`)
	require.Contains(t, p.isRefused(t, "get", plural, "one"), "NotFound")
	require.Contains(t, p.isRefused(t, "delete", plural, "one"), "NotFound")

	require.Equal(t, name+"/applied patched\n", p.does(t, "patch", plural, "applied", "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/wait"]}}`))
	p.does(t, "delete", plural, "applied", "--wait=false")
	require.NotEmpty(t, p.does(t, "get", plural, "applied", "-o", "jsonpath={.metadata.deletionTimestamp}"), "a finalizer holds it")
	p.does(t, "patch", plural, "applied", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	p.does(t, "wait", plural, "applied", "--for=delete", "--timeout=30s")

	p.types(t, e.manifest(kind, "last", 0), "create", "-f", "-")
	require.Contains(t, p.does(t, "delete", plural, "--all"), `"last" deleted`)
	require.Empty(t, p.does(t, "get", plural, "-o", "name"))
}
