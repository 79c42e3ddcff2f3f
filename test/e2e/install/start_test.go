// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// The control plane is another one than that of the package, because the end of an
// installation removes the namespace.
func TestTheProgramsOfTheImagesServe(t *testing.T) {
	server := unpacked(t, cluster.ServerName)
	controller := unpacked(t, cluster.ControllerName)
	plane := cluster.Start(t)
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	m := cluster.Install(t, plane, etcd, cluster.Options{
		Replicas: 1, Components: []string{"controller"}, Program: server.entryPoint(t), Args: []string{"--shutdown-delay-duration=0s"},
	})
	m.StartController(t, controller.entryPoint(t))

	admin := plane.Terminal(t, nil)
	_, _, err := admin.Kubectl("create", "namespace", "team")
	require.NoError(t, err)
	admin.Stdin = `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"one","namespace":"team"}}`
	_, _, err = admin.Kubectl("apply", "-f", "-")
	require.NoError(t, err)
	version, _, err := admin.Kubectl("get", "--raw", "/apis/fleet.cattle.io/v1alpha1/namespaces/team/clusters/one")
	require.NoError(t, err)
	require.Contains(t, version, `"name":"one"`)

	t.Log("the controller leads, and makes the namespace of the Cluster")
	_, _, err = admin.Kubectl("wait", "-n", "team", "clusters.fleet.cattle.io/one", "--for=jsonpath={.status.namespace}", "--timeout=60s")
	require.NoError(t, err)
	namespace, _, err := admin.Kubectl("get", "-n", "team", "clusters.fleet.cattle.io", "one", "-o", "jsonpath={.status.namespace}")
	require.NoError(t, err)
	_, _, err = admin.Kubectl("wait", "namespace/"+namespace, "--for=create", "--timeout=60s")
	require.NoError(t, err)
	holder, _, err := admin.Kubectl("get", "lease", "-n", cluster.Namespace, cluster.ControllerName, "-o", "jsonpath={.spec.holderIdentity}")
	require.NoError(t, err)
	require.NotEmpty(t, holder)
}
