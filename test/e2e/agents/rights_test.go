// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// requireRights compares a client's rights in a namespace with a table. It waits until
// kube-apiserver knows the bindings.
func requireRights(t *testing.T, config *rest.Config, namespace string, want ...string) {
	t.Helper()
	want = slices.Sorted(slices.Values(slices.Concat(cluster.BasicRights, want)))
	poll.Eventually(t, patience, func(ctx context.Context) error {
		got, _, err := cluster.Rights(ctx, config, namespace)
		if err == nil && !slices.Equal(want, got) {
			err = fmt.Errorf("in %s: may %q, not %q", namespace, got, want)
		}
		return err
	}, access.Tail)
}

func TestAnAgentHasExactlyTheRightsOfTheProtocol(t *testing.T) {
	t.Parallel()
	const workspace = "rights"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "1h")
	_, err := fleet.FleetV1alpha1().Bundles(workspace).Create(t.Context(), &v1alpha1.Bundle{
		ObjectMeta: metav1.ObjectMeta{Name: "app"},
		Spec: v1alpha1.BundleSpec{
			Resources: []v1alpha1.BundleResource{{Name: "a.yaml", Content: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"}},
			Targets:   []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	mine, other := register(t, v, "rights-mine", "1", nil), register(t, v, "rights-other", "2", nil)

	const content = "get contents.fleet.cattle.io"
	requireRights(t, mine.config, mine.deploymentNamespace, content,
		"get,list,watch bundledeployments.fleet.cattle.io", "patch,update bundledeployments/status.fleet.cattle.io", "get secrets", "get configmaps")
	requireRights(t, mine.config, workspace, content, "patch clusters/status.fleet.cattle.io named "+mine.clusterName)
	for _, namespace := range []string{other.deploymentNamespace, "default", "kube-system", "muster-system", v.SystemRegistrationNamespace} {
		requireRights(t, mine.config, namespace, content)
	}
	bootstrap := control.WithToken(v.Token)
	requireRights(t, bootstrap, workspace, "create clusterregistrations.fleet.cattle.io")
	names := []string{mine.secret, other.secret}
	slices.Sort(names)
	requireRights(t, bootstrap, v.SystemRegistrationNamespace, "get secrets named "+strings.Join(names, ","))
	requireRights(t, bootstrap, mine.deploymentNamespace)

	// The same, by sending requests.
	const api = "/apis/fleet.cattle.io/v1alpha1/namespaces/"
	deployments := func(c credential) string { return api + c.deploymentNamespace + "/bundledeployments" }
	heartbeat := `[{"op":"add","path":"/status/agent","value":{"lastSeen":"2026-11-23T10:00:00Z","namespace":"cattle-fleet-system"}}]`
	report := `{"status":{"ready":true}}`
	for _, c := range []struct {
		name, method, path, kind, body string
		code                           int
	}{
		{"list its BundleDeployments", "GET", deployments(mine), "", "", http.StatusOK},
		{"get one of them", "GET", deployments(mine) + "/app", "", "", http.StatusOK},
		{"report on it", "PATCH", deployments(mine) + "/app/status", "application/merge-patch+json", report, http.StatusOK},
		{"send its heartbeat", "PATCH", api + workspace + "/clusters/" + mine.clusterName + "/status", "application/json-patch+json", heartbeat, http.StatusOK},
		{"read a Secret of its namespace", "GET", "/api/v1/namespaces/" + mine.deploymentNamespace + "/secrets/none", "", "", http.StatusNotFound},
		{"read a ConfigMap of its namespace", "GET", "/api/v1/namespaces/" + mine.deploymentNamespace + "/configmaps/kube-root-ca.crt", "", "", http.StatusOK},
		{"list another's BundleDeployments", "GET", deployments(other), "", "", http.StatusForbidden},
		{"report on another's", "PATCH", deployments(other) + "/app/status", "application/merge-patch+json", report, http.StatusForbidden},
		{"send the heartbeat of another", "PATCH", api + workspace + "/clusters/" + other.clusterName + "/status", "application/json-patch+json", heartbeat, http.StatusForbidden},
		{"read its own Cluster", "GET", api + workspace + "/clusters/" + mine.clusterName, "", "", http.StatusForbidden},
		{"list Contents", "GET", "/apis/fleet.cattle.io/v1alpha1/contents", "", "", http.StatusForbidden},
		{"list the Secrets of its namespace", "GET", "/api/v1/namespaces/" + mine.deploymentNamespace + "/secrets", "", "", http.StatusForbidden},
		{"register once more", "POST", api + workspace + "/clusterregistrations", "", `{}`, http.StatusForbidden},
		{"fetch its credentials again", "GET", "/api/v1/namespaces/" + v.SystemRegistrationNamespace + "/secrets/" + mine.secret, "", "", http.StatusForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, err := rest.HTTPClientFor(mine.config)
			require.NoError(t, err)
			request, err := http.NewRequestWithContext(t.Context(), c.method, mine.config.Host+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			if c.kind == "" {
				c.kind = "application/json"
			}
			request.Header.Set("Content-Type", c.kind)
			response, err := client.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			require.Equal(t, c.code, response.StatusCode)
		})
	}
}
