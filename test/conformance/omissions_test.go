// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// omitted lists upstream's tests that do not run, with the reason.
var omitted = map[string]string{
	"RunBenchmarkWriteThroughput": "a benchmark",
	"RunBenchmarkStoreList":       "a benchmark",
	"RunBenchmarkStoreStats":      "a benchmark",

	"RunTestCreateWithTTL":           "no kind of the group has a lifetime",
	"RunTestGuaranteedUpdateWithTTL": "no kind of the group has a lifetime",

	"RunTestDeleteWithConflictAndMissingExpectedTransformOrDecodeError":   "the server does not have unsafe deletion of undecodable objects",
	"RunTestDeleteExpectedTransformOrDecodeError":                         "as the one before",
	"RunTestDeleteWithSuggestionAndMissingExpectedTransformOrDecodeError": "as the one before",
	"RunTestWatchWithUnsafeDelete":                                        "as the one before",

	"RunTestGetListWithErrorAggregation":    "reads come from memory: nothing is decoded when it is listed",
	"RunTestGetListWithoutErrorAggregation": "as the one before",
	"RunTestTransformationFailure":          "as the one before: a value that cannot be opened stops the replica (etcd.ErrUndecryptable)",
	"RunTestWatchError":                     "as the one before",
	"RunWatchErrorIsBlockingFurtherEvents":  "as the one before",

	"RunTestListResourceVersionMatch":         "it writes while a list is being decoded: a list decodes nothing here, and a write would wait for the engine that decodes. TestListsOfBundleDeployments compares each match",
	"RunTestGuaranteedUpdate":                 "it expects an update without a change to rewrite a value with an old key: here only etcd.Log.Reencrypt does that",
	"RunTestGuaranteedUpdateChecksStoredData": "as the one before; records are compared as decoded, not as stored",
	"RunOptionalTestProgressNotify":           "an option of the store below a watch cache; the API never sets it",
	"RunTestStats":                            "sizes are an estimate here",
}

// TestEveryUpstreamTestRunsOrSaysWhyNot fails if upstream adds a test.
func TestEveryUpstreamTestRunsOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "k8s.io/apiserver/pkg/storage/testing").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declared := range parsed.Decls {
			f, ok := declared.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Run") {
				continue
			}
			name, times := f.Name.Name, 0
			if _, is := plain[name]; is {
				times++
			}
			if _, is := serial[name]; is {
				times++
			}
			if _, is := hooked[name]; is {
				times++
			}
			if _, is := omitted[name]; is {
				times++
			}
			require.Equal(t, 1, times, "%s is run once, or omitted with a reason", name)
			found++
		}
	}
	require.Equal(t, len(plain)+len(serial)+len(hooked)+len(omitted), found, "a test that upstream removes is removed here too")
}
