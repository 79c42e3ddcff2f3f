// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// control is the control plane that the tests of this package share. It has the namespaces
// of the manifests, and the definitions that optional parts need.
var control *cluster.ControlPlane

// imageFolder gets the archives of the images: see images.
var imageFolder string

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		control, imageFolder = cluster.Start(t), cluster.Folder(t, "images")
		kubectl := control.Terminal(t, nil)
		root := cluster.Checkout(t)
		args := []string{"apply", "--server-side", "-f", filepath.Join(root, "artifacts", "kustomize", "server", "namespace.yaml")}
		for _, file := range definitions(t, root) {
			args = append(args, "-f", file)
		}
		_, _, err := kubectl.Kubectl(args...)
		require.NoError(t, err)
		_, _, err = kubectl.Kubectl("create", "namespace", fleetSystem)
		require.NoError(t, err)
		// A Pod that is not restricted then causes a warning.
		_, _, err = kubectl.Kubectl("label", "namespace", fleetSystem, "pod-security.kubernetes.io/warn=restricted")
		require.NoError(t, err)
		_, _, err = kubectl.Kubectl("wait", "--for=condition=Established", "crd", "--all")
		require.NoError(t, err)
	})
}

// definitions returns files with the CustomResourceDefinitions of other projects.
func definitions(t cluster.T, root string) []string {
	t.Helper()
	files := map[string][]string{
		"github.com/cert-manager/cert-manager": {"deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"},
		"github.com/prometheus-operator/prometheus-operator": {
			"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
			"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
		},
	}
	var found []string
	for module, paths := range files {
		download := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
		download.Dir = filepath.Join(root, "test", "e2e", "programs", "crds")
		out, err := download.Output()
		require.NoError(t, err, "%s: %s", module, out)
		var info struct{ Dir string }
		require.NoError(t, json.Unmarshal(out, &info))
		for _, path := range paths {
			found = append(found, filepath.Join(info.Dir, path))
		}
	}
	return found
}
