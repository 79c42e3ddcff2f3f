// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// The test runs the commands of agents.md in another namespace.
func TestThePageLeadsToTheValuesOfAnAgentsChart(t *testing.T) {
	t.Parallel()
	const workspace = "by-the-page"
	script := cluster.Step(t, "agents.md", "token")
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(cluster.Program(t, "kubectl"), filepath.Join(bin, "kubectl")))
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(script, "fleet-default", workspace))
	command.Dir = dir
	command.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "KUBECONFIG=" + control.Kubeconfig(t, control.Config)}
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	written, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
	require.NoError(t, err)
	var v values
	require.NoError(t, yaml.UnmarshalStrict(written, &v))
	c := register(t, v, "shop-42", "by-the-page", map[string]string{"env": "prod"})
	require.Equal(t, workspace, c.clusterNamespace)
}
