// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen has the promises of install.md's last section.
var seen = map[string]expectation{
	"see-kinds":  {says: []string{"muster-system/muster-apiserver   True", "bundledeployments", "No resources found", "successfully rolled out"}},
	"see-rights": {is: "Warning: resource 'contents' is not namespace scoped in group 'fleet.cattle.io'\n\nno\n", refused: true},
}

func TestAnOperatorInstallsAndUpgradesByKustomize(t *testing.T) {
	o := newOperator(t)
	o.follow(t, "install.md", "preflight", "create-apiservice", map[string]expectation{
		"preflight":         {says: []string{"ok: nothing else serves fleet.cattle.io", "warning: missing: Secret muster-system/muster-etcd-client"}, not: []string{"not ok"}},
		"preflight-etcd":    {says: []string{"ok: etcd at "}, not: []string{"not ok", "missing"}},
		"apply-servers":     {says: []string{`deployment "muster-apiserver" successfully rolled out`}},
		"logs":              {says: []string{"Muster starts", "Ready"}},
		"create-apiservice": {says: []string{"condition met"}},
	})
	o.follow(t, "install.md", "see-kinds", "see-rights", seen)
	kinds := o.run(t, "count", "kubectl api-resources --api-group=fleet.cattle.io --no-headers", false)
	require.Equal(t, 14, strings.Count(kinds, "\n"), "as install.md says")

	o.follow(t, "operations.md", "restart", "restart", map[string]expectation{"restart": {says: []string{
		"deployment.apps/muster-apiserver restarted", `deployment "muster-apiserver" successfully rolled out`, `deployment "muster-controller" successfully rolled out`,
	}}})
	o.follow(t, "upgrade.md", "apply-newer", "apply-newer", map[string]expectation{"apply-newer": {
		before: func() { o.edit(t, "artifacts/kustomize/example/server/kustomization.yaml", "v0.4.0", "v9.9.9") },
		says:   []string{"deployment.apps/muster-apiserver configured", "successfully rolled out"},
	}})
	require.Contains(t, o.images(t), "v9.9.9")
	o.follow(t, "upgrade.md", "undo", "undo", map[string]expectation{"undo": {says: []string{"rolled back", "successfully rolled out"}}})
	require.NotContains(t, o.images(t), "v9.9.9")
	require.Zero(t, o.node.Restarts())
}

// images returns the images of the servers' Pods that are not being deleted.
func (o *operator) images(t *testing.T) string {
	t.Helper()
	images := o.run(t, "images", `kubectl -n muster-system get pods -l app.kubernetes.io/name=muster-apiserver -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{(index .spec.containers 0).image}}{{"\n"}}{{end}}{{end}}'`, false)
	require.NotEmpty(t, strings.TrimSpace(images))
	return images
}

func TestAnOperatorInstallsAndUpgradesByHelm(t *testing.T) {
	o := newOperator(t)
	o.follow(t, "install.md", "preflight", "preflight-etcd", nil)
	o.follow(t, "install.md", "helm-install", "see-rights", seen)
	o.follow(t, "upgrade.md", "helm-upgrade", "helm-upgrade", map[string]expectation{"helm-upgrade": {says: []string{"REVISION: 2", "successfully rolled out"}}})
	o.follow(t, "upgrade.md", "helm-rollback", "helm-rollback", map[string]expectation{"helm-rollback": {says: []string{"Rollback was a success", "successfully rolled out"}}})
	require.Zero(t, o.node.Restarts())
}
