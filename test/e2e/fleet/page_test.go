// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// TestThePageLeadsFromAGitRepoToItsObjects follows docs/fleet.md from the registration on.
func TestThePageLeadsFromAGitRepoToItsObjects(t *testing.T) {
	t.Parallel()
	const page = "fleet.md"
	shell := cluster.NewShell(t, "kubectl")
	shell.Administrator(t, control)
	kubeconfig, err := os.ReadFile(control.Kubeconfig(t, control.Config))
	require.NoError(t, err)
	shell.Write(t, "paris.kubeconfig", kubeconfig)

	shell.Step(t, page, "import")
	w := &workspace{"fleet-default"}
	made, values := w.waitImported(t, "paris")
	w.agent(t, made, values)

	programs.Remote.Push("https://github.com/rancher/fleet-examples", Commit{ID: "c1", Folders: map[string]v1alpha1.BundleSpec{
		"simple": configMap(w.name, "frontend", "blue"),
	}})
	shell.Step(t, page, "gitrepo")
	w.waitReady(t, "examples", "c1", "1/1")
	text := shell.Step(t, page, "arrive")
	for _, want := range []string{"examples-simple", "gitrepo.fleet.cattle.io/examples condition met"} {
		require.Contains(t, text, want)
	}
	waitData(t, w.name, "frontend", "blue")
}
