// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"fmt"
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

// accounts begins the words of the page for all that muster-controller makes for agents.
const accounts = "agents' and tokens' accounts, Secrets, roles and bindings"

// stays has an entry for each form of object that remains after the programs are removed: the
// words of the page's table that name it, and the step that removes it.
var stays = []struct {
	object      *regexp.Regexp
	named, step string
}{
	{regexp.MustCompile(`^clusterroles (fleet-bundle-deployment|fleet-content)$`), "ClusterRoles `fleet-bundle-deployment`, `fleet-content`", "roles"},
	{regexp.MustCompile(`^namespaces cluster-fleet-default-shop-`), "namespaces of Clusters", "agents"},
	{regexp.MustCompile(`^(serviceaccounts|secrets|roles|rolebindings) cluster-fleet-default-shop-`), accounts, "agents"},
	{regexp.MustCompile(`^(serviceaccounts|secrets|roles|rolebindings) fleet-default/`), accounts + ", also in workspaces", "agents"},
	{regexp.MustCompile(`^(secrets|roles|rolebindings) cattle-fleet-clusters-system/`), accounts + ", also in workspaces, in `cattle-fleet-clusters-system`", "agents"},
	{regexp.MustCompile(`^clusterrolebindings shop-content$`), accounts + ", also in workspaces, in `cattle-fleet-clusters-system` and as ClusterRoleBindings", "agents"},
	{regexp.MustCompile(`^namespaces cattle-fleet-clusters-system$`), "namespace `cattle-fleet-clusters-system`", "credentials"},
	{regexp.MustCompile(`^namespaces muster-system$`), "namespace `muster-system`", "namespace"},
	{regexp.MustCompile(`^secrets muster-system/(muster-apiserver-tls|muster-etcd-client)$`), "namespace `muster-system` with its Secrets", "namespace"},
	{regexp.MustCompile(`^leases muster-system/muster-(controller|etcd)$`), "the Leases `muster-controller`, `muster-etcd`", "namespace"},
}

// known wants objects that have an entry of stays, and one or more objects for each entry.
func known(added []string) error {
	met := map[int]bool{}
	for _, object := range added {
		entry := -1
		for i, each := range stays {
			if each.object.MatchString(object) {
				entry, met[i] = i, true
			}
		}
		if entry < 0 {
			return fmt.Errorf("%s stays, and %s does not name it; in all: %q", object, page, added)
		}
	}
	for i, each := range stays {
		if !met[i] {
			return fmt.Errorf("nothing stays that matches %s, which %s names; in all: %q", each.object, page, added)
		}
	}
	return nil
}

var (
	// row matches a row of the page's table: what stays, and the number of a step.
	row = regexp.MustCompile(`(?m)^\| (.+?) \|.*\| (\d) \|$`)
	// numbered matches a step with its number.
	numbered = regexp.MustCompile(`(?ms)^(\d)\. .+?^<!-- step: ([a-z]+) -->$`)
)

// TestThePageNamesAllThatStays checks that the row of the table with the words of an entry
// has the number of its step.
func TestThePageNamesAllThatStays(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", page))
	require.NoError(t, err)
	steps := map[string]string{}
	for _, found := range numbered.FindAllStringSubmatch(string(text), -1) {
		steps[found[1]] = found[2]
	}
	for _, each := range stays {
		var removes []string
		for _, found := range row.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(found[1], each.named) {
				removes = append(removes, steps[found[2]])
			}
		}
		assert.Equal(t, []string{each.step}, removes, "the steps of the rows with %q", each.named)
	}
}

// The test installs Muster with kustomize, and has agents in it. It removes the programs by
// the page, installs them again with Helm, and removes everything.
func TestThePageRemovesAllThatItNames(t *testing.T) {
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	me := newOperator(t, etcd)
	control.MakeNamespace(t, "fleet-default")
	before, err := list(t.Context())
	require.NoError(t, err)

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
	now, err := list(t.Context())
	require.NoError(t, err)
	installed := now.since(before)

	t.Log("remove the programs, as kustomize installed them")
	require.NoError(t, controller.Stop(patience))
	me.Step(t, page, "apiservice")
	me.Step(t, page, "kustomize")
	for _, replica := range m.Replicas() {
		require.NoError(t, replica.Process.Stop(patience))
	}
	left := awaitSince(t, before, known)
	require.Less(t, len(left), len(installed))

	t.Log("install again with Helm, and remove the programs")
	ca := filepath.Join(cluster.Folder(t, "ca"), "ca.crt")
	require.NoError(t, os.WriteFile(ca, m.CA.PEM, 0o600))
	me.Run(t, "helm install muster artifacts/helm/muster --namespace muster-system --set 'etcd.servers={https://10.0.0.11:2379}' --set-file tls.caBundle="+ca)
	require.NotEmpty(t, me.Run(t, "kubectl get clusterrole fleet-content -o name"))
	me.Step(t, page, "helm")
	awaitSince(t, before, exactly(left)) // Helm leaves what kustomize leaves

	t.Log("remove what stays")
	for _, step := range []string{"roles", "agents", "credentials", "etcd", "namespace"} {
		me.Step(t, page, step)
	}
	awaitSince(t, before, exactly(nil))
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
