// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// answer returns the error of a server's answer to a list of Bundles.
func answer(t *testing.T, config *rest.Config) error {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return client.Discovery().RESTClient().Get().AbsPath("/apis/fleet.cattle.io/v1alpha1/bundles").Do(t.Context()).Error()
}

// reached asks a replica directly, in each possible way.
func reached(t *testing.T, m *cluster.Muster) {
	t.Helper()
	r := m.Replicas()[0]
	proxy := control.FrontProxyCA.Client(cluster.FrontProxyName)
	admins := []string{"system:masters"}
	foreign := control.ForeignCA.Client(cluster.FrontProxyName)

	require.NoError(t, answer(t, r.Direct(control.Config)), "with a certificate of the cluster's CA")
	require.NoError(t, answer(t, m.Direct(control.Config)), "by way of the Service")
	require.NoError(t, answer(t, r.With(control.CA.Client("a-user", admins...))))
	require.NoError(t, answer(t, r.Proxied(proxy, "a-user", admins, nil)), "as the aggregation layer")
	unprivileged := control.AsAccount(t, metav1.NamespaceDefault, "default")
	require.ErrorContains(t, answer(t, r.Direct(unprivileged)), "system:serviceaccount:default:default", "the token identifies the client, and RBAC refuses it")
	require.ErrorContains(t, answer(t, r.Claiming(unprivileged, "a-user", admins, nil)), "system:serviceaccount:default:default", "its own claim has no effect")
	require.Error(t, answer(t, r.Proxied(foreign, "a-user", admins, nil)))

	out, _, err := r.Exec("preflight", r.Flags("kubeconfig")[0])
	require.NoError(t, err)
	require.Contains(t, out, "fleet.cattle.io")
	_, stderr, err := r.Exec("preflight", "--nonsense")
	require.Error(t, err)
	require.Contains(t, stderr, "nonsense")
}

// whoami returns the user that kube-apiserver sees in a replica.
func whoami(t *testing.T, config *rest.Config) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return review.Status.UserInfo.Username
}
