// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// mine is the path of the file that an operator edits for kustomize.
const mine = "artifacts/kustomize/mine/server/kustomization.yaml"

// rolledOut holds the lines that kubectl prints when both programs run.
var rolledOut = []string{`deployment "muster-apiserver" successfully rolled out`, `deployment "muster-controller" successfully rolled out`}

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
		"apply-servers":     {before: func() { o.edit(t, mine, exampleEtcd, o.addresses) }, says: []string{`deployment "muster-apiserver" successfully rolled out`}},
		"logs":              {says: []string{"Muster starts", "Ready"}},
		"create-apiservice": {says: []string{"condition met"}},
	})
	o.follow(t, "install.md", "see-kinds", "see-rights", seen)
	kinds := o.run(t, "count", "kubectl api-resources --api-group=fleet.cattle.io --no-headers", false)
	require.Equal(t, 14, strings.Count(kinds, "\n"), "as install.md says")

	o.follow(t, "fleet.md", "beside-kustomize", "beside-kustomize", map[string]expectation{"beside-kustomize": {
		before: func() {
			o.edit(t, mine, "# - ../../components/fleet-controllers", "- ../../components/fleet-controllers")
		},
		says: []string{"namespace/cattle-fleet-system created", "deployment.apps/gitjob created", "deployment.apps/helmops created", "service/gitjob created"},
		not:  []string{"agentmanagement"},
	}})
	o.run(t, "a workspace", "kubectl create namespace fleet-default", false)
	o.follow(t, "fleet.md", "gitrepo", "gitrepo", map[string]expectation{"gitrepo": {says: []string{"gitrepo.fleet.cattle.io/examples created"}}})

	o.follow(t, "operations.md", "restart", "restart", map[string]expectation{"restart": {says: []string{
		"deployment.apps/muster-apiserver restarted", `deployment "muster-apiserver" successfully rolled out`, `deployment "muster-controller" successfully rolled out`,
	}}})
	o.follow(t, "upgrade.md", "stop-all", "apply-newer", map[string]expectation{
		"stop-all": {says: []string{"deployment.apps/muster-controller scaled", "deployment.apps/muster-apiserver scaled"}},
		"apply-newer": {
			before: func() { require.Empty(t, o.images(t)); o.edit(t, mine, "v0.4.0", "v9.9.9") },
			says:   slices.Concat(rolledOut, []string{"deployment.apps/muster-apiserver configured"}),
		},
	})
	require.Equal(t, allOf("v9.9.9"), o.images(t))
	o.follow(t, "upgrade.md", "undo", "undo", map[string]expectation{"undo": {says: slices.Concat(rolledOut, []string{"rolled back"})}})
	require.Equal(t, allOf("v0.4.0"), o.images(t))
	require.Zero(t, o.node.Restarts())

	o.look(t)
	o.run(t, "a Cluster", `kubectl create -f - <<< '{"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "Cluster", "metadata": {"namespace": "default", "name": "shop"}}'`, false)
	o.loseEtcd(t)
	o.run(t, "replicas notice", "kubectl -n muster-system wait deployment/muster-apiserver --for=jsonpath={.status.unavailableReplicas}=3 --timeout=2m", false)
	o.follow(t, "backup.md", "forget", "forget", map[string]expectation{"forget": {says: []string{`lease.coordination.k8s.io "muster-etcd" deleted`, rolledOut[0]}}})
	o.look(t)
	require.Contains(t, o.run(t, "no Cluster", "kubectl get clusters.fleet.cattle.io -A", false), "No resources found")
	o.run(t, "the controller", "kubectl -n muster-system rollout status deployment/muster-controller", false)
}

// look lets kube-apiserver see at once that replicas are back.
func (o *operator) look(t *testing.T) {
	t.Helper()
	o.follow(t, "backup.md", "look-again", "look-again", nil)
	o.run(t, "available", "kubectl wait apiservice v1alpha1.fleet.cattle.io --for=condition=Available --timeout=2m", false)
}

// images counts the Pods that are not being deleted, by program and tag.
func (o *operator) images(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for image := range strings.Lines(o.run(t, "images", `kubectl -n muster-system get pods -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{(index .spec.containers 0).image}}{{"\n"}}{{end}}{{end}}'`, false)) {
		counts[strings.TrimSpace(path.Base(image))]++
	}
	return counts
}

// allOf returns the images while all Pods have one version.
func allOf(version string) map[string]int {
	return map[string]int{"muster-apiserver:" + version: 3, "muster-controller:" + version: 2}
}

func TestAnOperatorInstallsAndUpgradesByHelm(t *testing.T) {
	o := newOperator(t)
	o.follow(t, "install.md", "preflight", "preflight-etcd", nil)
	o.follow(t, "install.md", "helm-install", "see-rights", seen)
	const may = "kubectl auth can-i create rolebindings -A --as=system:serviceaccount:muster-system:muster-controller"
	require.Equal(t, "yes\n", o.run(t, "the controller manages agents", may, false))
	o.follow(t, "fleet.md", "beside-helm", "agents-helm", map[string]expectation{
		"beside-helm": {says: []string{"REVISION: 2"}},
		"agents-helm": {says: []string{"REVISION: 3", rolledOut[1]}},
	})
	require.Equal(t, "no\n", o.run(t, "Fleet manages agents", may, true))
	require.Equal(t, "deployment.apps/fleet-agentmanagement\ndeployment.apps/fleet-controller\ndeployment.apps/gitjob\ndeployment.apps/helmops\n",
		o.run(t, "Fleet's programs", "kubectl -n cattle-fleet-system get deployments -o name", false))
	o.follow(t, "upgrade.md", "stop-all", "stop-all", nil)
	o.checkOut(t, "v9.9.8")
	o.follow(t, "upgrade.md", "helm-upgrade", "helm-upgrade", map[string]expectation{"helm-upgrade": {says: slices.Concat(rolledOut, []string{"REVISION: 4"})}})
	require.Equal(t, allOf("v9.9.8"), o.images(t))

	const schema, known, old = "artifacts/helm/muster/values.schema.json", `"registry": {`, `"repository": {"type": "string"}, "registry": {`
	o.edit(t, schema, known, old) // as the chart of an earlier build
	o.run(t, "a value of an earlier build", "helm upgrade muster artifacts/helm/muster --namespace muster-system --reuse-values --set image.repository=example.com/muster-apiserver", false)
	o.edit(t, schema, old, known)
	require.Contains(t, o.run(t, "the chart refuses it", cluster.Step(t, "upgrade.md", "helm-upgrade"), true), "additional properties 'repository' not allowed")
	o.follow(t, "upgrade.md", "helm-values", "helm-values", nil)
	o.edit(t, "values.yaml", "  repository: example.com/muster-apiserver\n", "")
	o.edit(t, "values.yaml", "v9.9.8", "v9.9.9")
	o.follow(t, "upgrade.md", "helm-upgrade-from-file", "helm-upgrade-from-file", map[string]expectation{"helm-upgrade-from-file": {says: slices.Concat(rolledOut, []string{"REVISION: 6"})}})
	require.Equal(t, allOf("v9.9.9"), o.images(t))
	o.follow(t, "upgrade.md", "helm-rollback", "helm-rollback", map[string]expectation{"helm-rollback": {says: slices.Concat(rolledOut, []string{"Rollback was a success"})}})
	require.Equal(t, allOf("v9.9.8"), o.images(t))
	require.Zero(t, o.node.Restarts())
}
