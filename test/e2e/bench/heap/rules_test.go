// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// declared matches functions and methods, with their receivers.
var declared = regexp.MustCompile(`(?m)^func (?:\(\w+ (\*?)(\w+)(?:\[[^\]]*\])?\) )?(\w+)`)

func TestRulesNameFunctionsThatExist(t *testing.T) {
	t.Parallel()
	const packages = "../../../../pkg/registry"
	names := map[string][]string{} // by package, as in a profile
	folders, err := filepath.Glob(packages + "/*")
	require.NoError(t, err)
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.go")
		require.NoError(t, err)
		of := filepath.Base(folder)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				switch star, receiver, function := m[1], m[2], m[3]; {
				case star != "":
					names[of] = append(names[of], of+".(*"+receiver+")."+function)
				case receiver != "":
					names[of] = append(names[of], of+"."+receiver+"."+function)
				case function != "":
					names[of] = append(names[of], of+"."+function)
				}
			}
		}
	}
	for _, r := range rules {
		for _, f := range r.functions {
			of, _, _ := strings.Cut(f, ".")
			known, ours := names[of]
			if !ours {
				require.True(t, strings.Contains(f, "/") || of == "net", "%s: there is no package %s", f, of)
				continue
			}
			beginning, begins := strings.CutSuffix(f, "*")
			// A profile has the parameters of a generic type, which the source's receiver
			// lacks.
			beginning = strings.TrimSuffix(beginning, "[")
			require.True(t, slices.ContainsFunc(known, func(name string) bool {
				return name == f || begins && strings.HasPrefix(name, beginning)
			}), "%s is not in %s: rename it in the rules", f, of)
		}
	}
}
