// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var (
	namedPath  = regexp.MustCompile(`artifacts/[A-Za-z0-9_./-]+`)
	namedValue = regexp.MustCompile("--set(?:-file)? '?([a-zA-Z.]+)=|`([a-zA-Z]+\\.[a-zA-Z.]+)=?[a-z]*`")
)

func TestThePagesNameFilesAndValuesThatExist(t *testing.T) {
	t.Parallel()
	var values map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text(t, "helm", "muster", "values.yaml")), &values))
	for _, page := range []string{"install.md", "upgrade.md", "fleet.md"} {
		content, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", page))
		require.NoError(t, err)
		// mine is the copy of the example that install.md makes.
		original := strings.ReplaceAll(string(content), "artifacts/kustomize/mine", "artifacts/kustomize/example")
		paths, fields := namedPath.FindAllString(original, -1), 0
		require.NotEmpty(t, paths)
		for _, path := range paths {
			_, err := os.Stat(filepath.Join(cluster.Checkout(t), strings.TrimRight(path, ".")))
			assert.NoError(t, err, page)
		}
		for _, found := range namedValue.FindAllStringSubmatch(string(content), -1) {
			path := strings.Split(found[1]+found[2], ".")
			var at any = values
			if _, ours := values[path[0]]; !ours && found[1] == "" {
				continue // a field of another object
			}
			for _, part := range path {
				fields, _ := at.(map[string]any)
				require.Contains(t, fields, part, "%s names the value %s", page, strings.Join(path, "."))
				at = fields[part]
			}
			fields++
		}
		if page == "install.md" {
			require.Greater(t, fields, 5, "the test no longer finds values")
		}
	}
}
