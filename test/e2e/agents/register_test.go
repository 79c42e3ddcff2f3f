// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
)

func TestAnAgentRegistersByToken(t *testing.T) {
	t.Parallel()
	const workspace = "registers"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "1h")
	require.Equal(t, apiServerURL, v.APIServerURL)
	require.Equal(t, string(control.CA.PEM), v.APIServerCA)
	require.Equal(t, workspace, v.ClusterNamespace)
	require.Equal(t, "cattle-fleet-clusters-system", v.SystemRegistrationNamespace)
	require.Equal(t, "join", v.TokenName)
	token, err := fleet.FleetV1alpha1().ClusterRegistrationTokens(workspace).Get(t.Context(), "join", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "join", token.Status.SecretName)
	require.Equal(t, token.CreationTimestamp.Add(time.Hour), token.Status.Expires.Time)

	c := register(t, v, "client", "registers", map[string]string{
		"env": "prod", "fleet.cattle.io/created-by-agent-pod": "pod", "fleet.cattle.io/shard-ref": "x", "management.cattle.io/cluster-display-name": "x",
	})
	r := granted(t, workspace, c.registration)
	// The name is the KeyHash of the client's ID.
	const name = "cluster-948fe603f61d"
	require.Equal(t, name, r.Status.ClusterName)
	require.Equal(t, credential{
		deploymentNamespace: c.deploymentNamespace, clusterNamespace: workspace, clusterName: name, systemNamespace: "cattle-fleet-system",
		registration: c.registration, secret: c.secret, config: c.config,
	}, c)
	made, err := fleet.FleetV1alpha1().Clusters(workspace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"env": "prod", "fleet.cattle.io/created-by-agent-pod": "pod", "fleet.cattle.io/cluster": name}, made.Labels)
	require.Equal(t, "client", made.Spec.ClientID)
	require.Equal(t, c.deploymentNamespace, made.Status.Namespace)
	require.Equal(t, []metav1.OwnerReference{{APIVersion: "fleet.cattle.io/v1alpha1", Kind: "Cluster", Name: name, UID: made.UID}}, r.OwnerReferences)

	home, err := control.Client.CoreV1().Namespaces().Get(t.Context(), c.deploymentNamespace, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"fleet.cattle.io/cluster-namespace": workspace, "fleet.cattle.io/cluster": name,
		"muster.fleet.cattle.io/owner": "clusters/" + workspace + "/" + name + "/" + string(made.UID),
	}, home.Annotations)
	require.Equal(t, "true", home.Labels["fleet.cattle.io/managed"])
	account, err := control.Client.CoreV1().ServiceAccounts(c.deploymentNamespace).Get(t.Context(), accountOf(r), metav1.GetOptions{})
	require.NoError(t, err)
	for key, value := range map[string]string{"cluster": name, "cluster-registration": r.Name, "cluster-registration-namespace": workspace} {
		require.Equal(t, value, account.Annotations["fleet.cattle.io/"+key])
	}
	secret, err := control.Client.CoreV1().Secrets(v.SystemRegistrationNamespace).Get(t.Context(), c.secret, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"fleet.cattle.io/cluster": name, "fleet.cattle.io/managed": "true"}, secret.Labels)

	subject := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: c.deploymentNamespace, Name: accountOf(r)}}
	rbac := control.Client.RbacV1()
	role, err := rbac.Roles(workspace).Get(t.Context(), r.Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, []rbacv1.PolicyRule{{APIGroups: []string{"fleet.cattle.io"}, Resources: []string{"clusters/status"}, ResourceNames: []string{name}, Verbs: []string{"patch"}}}, role.Rules)
	binding, err := rbac.RoleBindings(workspace).Get(t.Context(), r.Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, subject, binding.Subjects)
	binding, err = rbac.RoleBindings(c.deploymentNamespace).Get(t.Context(), r.Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, subject, binding.Subjects)
	require.Equal(t, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fleet-bundle-deployment"}, binding.RoleRef)
	content, err := rbac.ClusterRoleBindings().Get(t.Context(), r.Name+"-content", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, subject, content.Subjects)
	require.Equal(t, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fleet-content"}, content.RoleRef)
}

func TestAClientThatRegistersAgainLosesItsOldCredentials(t *testing.T) {
	t.Parallel()
	const workspace = "again"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "")
	first := register(t, v, "client", "again-1", map[string]string{"env": "prod"})
	old := granted(t, workspace, first.registration)
	other := register(t, v, "neighbour", "again", nil)

	// "Earlier" is measured in whole seconds.
	poll.Eventually(t, patience, func(context.Context) error {
		if !time.Now().Truncate(time.Second).After(old.CreationTimestamp.Time) {
			return fmt.Errorf("the second has not passed")
		}
		return nil
	}, access.Tail)
	second := register(t, v, "client", "again-2", map[string]string{"env": "test"})
	require.Equal(t, first.clusterName, second.clusterName, "the Cluster is the same")
	require.Equal(t, first.deploymentNamespace, second.deploymentNamespace)
	made, err := fleet.FleetV1alpha1().Clusters(workspace).Get(t.Context(), second.clusterName, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "prod", made.Labels["env"], "labels are for new Clusters")

	poll.Eventually(t, patience, func(ctx context.Context) error {
		_, err := fleet.FleetV1alpha1().ClusterRegistrations(workspace).Get(ctx, first.registration, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the old registration still exists: %w", err)
		}
		_, err = clientset(t, first.config).FleetV1alpha1().BundleDeployments(first.deploymentNamespace).List(ctx, metav1.ListOptions{})
		if !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("the old credentials are not refused: %w", err)
		}
		return absent(ctx, old, first)
	}, access.Tail)
	for _, c := range []credential{second, other} {
		_, err = clientset(t, c.config).FleetV1alpha1().BundleDeployments(c.deploymentNamespace).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
	}
}

// absent returns an error while rights of a registration remain.
func absent(ctx context.Context, r *v1alpha1.ClusterRegistration, c credential) error {
	client, err := metadata.NewForConfig(control.Config)
	if err != nil {
		return err
	}
	for _, o := range []struct {
		version                   schema.GroupVersion
		resource, namespace, name string
	}{
		{corev1.SchemeGroupVersion, "serviceaccounts", c.deploymentNamespace, accountOf(r)},
		{corev1.SchemeGroupVersion, "secrets", c.deploymentNamespace, accountOf(r) + "-token"},
		{corev1.SchemeGroupVersion, "secrets", "cattle-fleet-clusters-system", c.secret},
		{rbacv1.SchemeGroupVersion, "roles", r.Namespace, r.Name},
		{rbacv1.SchemeGroupVersion, "rolebindings", r.Namespace, r.Name},
		{rbacv1.SchemeGroupVersion, "rolebindings", c.deploymentNamespace, r.Name},
		{rbacv1.SchemeGroupVersion, "clusterrolebindings", "", r.Name + "-content"},
	} {
		if _, err := client.Resource(o.version.WithResource(o.resource)).Namespace(o.namespace).Get(ctx, o.name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s %s/%s of %s still exists: %w", o.resource, o.namespace, o.name, r.Name, err)
		}
	}
	return nil
}

func TestARegistrationFindsTheClusterThatHasItsID(t *testing.T) {
	t.Parallel()
	const workspace = "finds"
	control.MakeNamespace(t, workspace)
	_, err := fleet.FleetV1alpha1().Clusters(workspace).Create(t.Context(), &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: "prepared", Labels: map[string]string{"env": "prod"}}, Spec: v1alpha1.ClusterSpec{ClientID: "client"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	c := register(t, makeToken(t, workspace, "join", "1h"), "client", "finds", map[string]string{"env": "test"})
	require.Equal(t, "prepared", c.clusterName)
	list, err := fleet.FleetV1alpha1().Clusters(workspace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, map[string]string{"env": "prod"}, list.Items[0].Labels)
}

func TestATokenEndsWithItsTime(t *testing.T) {
	t.Parallel()
	const workspace = "expires"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "short", "6s")
	bootstrap, err := kubernetes.NewForConfig(control.WithToken(v.Token))
	require.NoError(t, err)
	_, err = bootstrap.Discovery().ServerVersion()
	require.NoError(t, err)
	poll.Eventually(t, patience, func(ctx context.Context) error {
		_, err := fleet.FleetV1alpha1().ClusterRegistrationTokens(workspace).Get(ctx, "short", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the token still exists: %w", err)
		}
		// kube-apiserver remembers for some seconds that a token was good. A registration
		// that it admits meanwhile would stay.
		if _, err := bootstrap.Discovery().ServerVersion(); !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("the token still admits a client: %w", err)
		}
		if _, err := ask(ctx, t, v, "late", "random", nil); !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("the token still lets a client register: %w", err)
		}
		left, err := managed(ctx, func(o metav1.Object) bool { return o.GetNamespace() == workspace })
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%v still exists", left)
		}
		return err
	}, access.Tail)
}
