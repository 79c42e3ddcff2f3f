// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"os"
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
	operator := cluster.NewShell(t, "kubectl")
	operator.Administrator(t, control)
	operator.Run(t, strings.ReplaceAll(script, "fleet-default", workspace))
	written, err := os.ReadFile(filepath.Join(operator.Dir, "values.yaml"))
	require.NoError(t, err)
	var v values
	require.NoError(t, yaml.UnmarshalStrict(written, &v))
	c := register(t, v, "shop-42", "by-the-page", map[string]string{"env": "prod"})
	require.Equal(t, workspace, c.clusterNamespace)
}
