// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	page     = "uninstall.md"
	patience = 2 * time.Minute
)

// newOperator returns a shell for the cluster and the etcd of a test, with a copy of artifacts.
func newOperator(t *testing.T, etcd *cluster.Etcd) *cluster.Shell {
	t.Helper()
	operator := cluster.NewShell(t, "kubectl", "helm", "etcdctl")
	operator.Administrator(t, control)
	operator.Etcd(etcd, 0)
	require.NoError(t, os.CopyFS(filepath.Join(operator.Dir, "artifacts"), os.DirFS(filepath.Join(cluster.Checkout(t), "artifacts"))))
	return operator
}

// stays has an entry for each object that remains after the programs are removed: its form,
// the words of the page that name it, and the page's step that removes it.
var stays = []struct {
	object      *regexp.Regexp
	named, step string
}{
	{regexp.MustCompile(`^clusterroles (fleet-bundle-deployment|fleet-content)$`), "`fleet-bundle-deployment`, `fleet-content`", "roles"},
	{regexp.MustCompile(`^namespaces cluster-fleet-default-shop-`), "namespaces of Clusters", "agents"},
	{regexp.MustCompile(`^(serviceaccounts|secrets|roles|rolebindings) cluster-fleet-default-shop-`), "accounts", "agents"},
	{regexp.MustCompile(`^(serviceaccounts|secrets|roles|rolebindings) fleet-default/`), "accounts", "agents"},
	{regexp.MustCompile(`^(secrets|roles|rolebindings) cattle-fleet-clusters-system/`), "`cattle-fleet-clusters-system`", "agents"},
	{regexp.MustCompile(`^clusterrolebindings `), "ClusterRoleBindings", "agents"},
	{regexp.MustCompile(`^namespaces cattle-fleet-clusters-system$`), "`cattle-fleet-clusters-system`", "credentials"},
	{regexp.MustCompile(`^namespaces muster-system$`), "`muster-system`", "namespace"},
	{regexp.MustCompile(`^secrets muster-system/(muster-apiserver-tls|muster-etcd-client)$`), "Secrets", "namespace"},
	{regexp.MustCompile(`^leases muster-system/muster-(controller|etcd)$`), "`muster-controller`, `muster-etcd`", "namespace"},
	{regexp.MustCompile(`^secrets muster-system/sh\.helm\.release\.v1\.`), "", "helm"},
}

// requireNamed checks that the page names everything that is left.
func requireNamed(t *testing.T, left []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", page))
	require.NoError(t, err)
	for _, object := range left {
		known := false
		for _, each := range stays {
			if !each.object.MatchString(object) {
				continue
			}
			known = true
			assert.Contains(t, string(text), each.named, object)
			assert.Contains(t, string(text), "<!-- step: "+each.step+" -->", object)
		}
		assert.Truef(t, known, "%s stays, and %s does not name it", object, page)
	}
}

// The test installs Muster with kustomize, and has agents in it. It removes the programs by
// the page, installs them again with Helm, and removes everything.
func TestThePageRemovesAllThatItNames(t *testing.T) {
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	me := newOperator(t, etcd)
	control.MakeNamespace(t, "fleet-default")
	before := list(t)

	t.Log("install")
	m := cluster.Install(t, control, etcd, cluster.Options{Replicas: 1, Args: []string{"--shutdown-delay-duration=0s"}, Deploy: func(t cluster.T, m *cluster.Muster) {
		me.Run(t, "kubectl apply -f artifacts/kustomize/server/namespace.yaml")
		for name, data := range m.Secrets(t) {
			_, err := control.Client.CoreV1().Secrets(cluster.Namespace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
		me.Step(t, "install.md", "copy")
		me.Run(t, "kubectl apply -k artifacts/kustomize/mine/server")
		me.Run(t, "kubectl scale -n muster-system deployment/muster-apiserver --replicas=1")
	}})
	controller := control.Controller(t, etcd, "controller", "--leader-elect=true", "--leader-elect-resource-namespace="+cluster.Namespace,
		"--agent-api-server-url=https://kube.example.com:6443", "--agent-api-server-ca-file="+control.CAFile)
	require.NoError(t, controller.Start())
	me.Run(t, registration)
	me.Run(t, "kubectl wait -n fleet-default clusterregistration shop --for=jsonpath={.status.granted}=true --timeout=60s && "+
		"kubectl wait -n fleet-default clusterregistrationtokens join --for=jsonpath={.status.secretName}=join --timeout=60s")
	installed := list(t).since(before)

	t.Log("remove the programs, as kustomize installed them")
	require.NoError(t, controller.Stop(patience))
	me.Step(t, page, "apiservice")
	me.Step(t, page, "kustomize")
	for _, replica := range m.Replicas() {
		require.NoError(t, replica.Process.Stop(patience))
	}
	left := list(t).since(before)
	require.Less(t, len(left), len(installed))
	requireNamed(t, left)

	t.Log("install again with Helm, and remove the programs")
	ca := filepath.Join(cluster.Folder(t, "ca"), "ca.crt")
	require.NoError(t, os.WriteFile(ca, m.CA.PEM, 0o600))
	me.Run(t, "helm install muster artifacts/helm/muster --namespace muster-system --set 'etcd.servers={https://10.0.0.11:2379}' --set-file tls.caBundle="+ca)
	require.NotEmpty(t, me.Run(t, "kubectl get clusterrole fleet-content -o name"))
	me.Step(t, page, "helm")
	require.Equal(t, left, list(t).since(before), "Helm leaves what kustomize leaves")

	t.Log("remove what stays")
	for _, step := range []string{"roles", "agents", "credentials", "etcd", "namespace"} {
		me.Step(t, page, step)
	}
	require.Empty(t, list(t).since(before))
	keys, err := etcd.Ctl("get", "", "--prefix", "--keys-only")
	require.NoError(t, err)
	require.Empty(t, strings.TrimSpace(keys))
}

// registration is a token, and an agent's request with it.
const registration = `kubectl create -f - <<YAML
apiVersion: fleet.cattle.io/v1alpha1
kind: ClusterRegistrationToken
metadata: {namespace: fleet-default, name: join}
spec: {ttl: 24h}
---
apiVersion: fleet.cattle.io/v1alpha1
kind: Cluster
metadata: {namespace: fleet-default, name: shop}
spec: {clientID: shop-42}
---
apiVersion: fleet.cattle.io/v1alpha1
kind: ClusterRegistration
metadata: {namespace: fleet-default, name: shop}
spec: {clientID: shop-42, clientRandom: "0123456789abcdef"}
YAML`
