// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// replacements replace what differs from run to run, in this order. They must replace no
// more: an error that a user would notice has to remain visible.
var replacements = []struct {
	found *regexp.Regexp
	with  string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<uid>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| [+]0000 UTC| [+-]\d\d:?\d\d)`), "<time>"},
	{regexp.MustCompile(`(resourceVersion["']?: *["']?|Resource Version: +)\d+`), "${1}<revision>"},
	{regexp.MustCompile(`(resourceVersion=)\d+`), "${1}<revision>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:<port>"},
	{regexp.MustCompile(`(?m)^[EIW]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ (\S+):\d+\]`), "<log> $1]"},
	{regexp.MustCompile(`v1\.37\.\d+\+muster-\S+`), "<version of the server>"},
	// kubectl gave up while it began to watch, or before it watched again.
	{regexp.MustCompile(`(?m)^<log> reflector.go\] .*very short watch.*\n?`), ""},
	{regexp.MustCompile(`(?m)^<log> reflector.go\] "Failed to watch" err="context deadline exceeded" reflector="\S+" type="\S+"$\n?`), ""},
	{regexp.MustCompile(`X509SHA256=[0-9a-f]{64}`), "X509SHA256=<certificate>"},
	// In these, kubectl's releases use different words for the same.
	{regexp.MustCompile(` deleted from \S+ namespace`), " deleted"},
	{regexp.MustCompile(`(resource type "\S+") in group "\S+"`), "$1"},
	{regexp.MustCompile(`in scheme "\S+"`), "in scheme <source>"},
	{regexp.MustCompile(`(?m)^WARNING: version difference between client .*\n?`), ""},
	{regexp.MustCompile(`kubectl-edit-\d+`), "kubectl-edit-<number>"},
	{regexp.MustCompile(`takes \d+ bytes`), "takes <number> bytes"}, // noise does not always compress to the same size
	{regexp.MustCompile(`(?m) +\d+(s|m\d*s?)$`), " <age>"},          // the last column of a table
	{regexp.MustCompile(`(?m)^ +(\d+)$`), "$1"},                     // some wc indent
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

// normalise makes the output of two runs comparable. dir is the session's own folder.
func normalise(output, dir string) string {
	output = strings.ReplaceAll(output, dir, "<dir>")
	for _, r := range replacements {
		output = r.found.ReplaceAllString(output, r.with)
	}
	return strings.Trim(output, "\n")
}

func TestNormaliseReplacesOnlyValuesThatVary(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, in, out string }{
		{"a uid", "uid: 6e7dab7c-d38b-4bd8-b41d-93f2d89e0b90", "uid: <uid>"},
		{"a part of a uid remains", "6e7dab7c-d38b", "6e7dab7c-d38b"},
		{"a time", "creationTimestamp: \"2026-11-23T13:45:00Z\"", "creationTimestamp: \"<time>\""},
		{"a revision in YAML", `resourceVersion: "17"`, `resourceVersion: "<revision>"`},
		{"a revision as describe prints it", "  Resource Version:  17", "  Resource Version:  <revision>"},
		{"a generation remains", "generation: 2", "generation: 2"},
		{"an age at the end of a row", "a   12s\nb   2m3s", "a <age>\nb <age>"},
		{"a duration in a sentence remains", "within 12s of", "within 12s of"},
		{"a port", "https://127.0.0.1:40441/api", "https://127.0.0.1:<port>/api"},
		{"where it was deleted from", `cluster "a" deleted from b namespace (dry run)`, `cluster "a" deleted (dry run)`},
		{"a warning of an old kubectl", "a\nWARNING: version difference between client (1.32) and server\nb", "a\nb"},
		{"a watch that ended with kubectl's own timeout", `E1130 13:32:10.713916     300 reflector.go:227] "Failed to watch" err="context deadline exceeded" reflector="pkg/mod/k8s.io/client-go@v0.37.2/tools/cache/reflector.go:343" type="*unstructured.Unstructured"` + "\nb", "b"},
		{"another watch that failed remains", `<log> reflector.go] "Warning: watch ended with error" err="context deadline exceeded"`, `<log> reflector.go] "Warning: watch ended with error" err="context deadline exceeded"`},
		{"another warning remains", "Warning: unknown field", "Warning: unknown field"},
		{"blanks at the end of lines", "NAME   AGE  \n", "NAME   AGE"},
		{"the session's folder", "cannot read /tmp/x/bundle.yaml", "cannot read <dir>/bundle.yaml"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.out, normalise(c.in, "/tmp/x"))
		})
	}
}
