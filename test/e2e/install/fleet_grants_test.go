// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// fleetAccounts creates the accounts of Fleet's programs with their rights, once.
func fleetAccounts(t *testing.T) kubernetes.Interface {
	t.Helper()
	kubectl := control.Terminal(t, nil)
	for _, file := range []string{"fleet-controllers/gitjob-rbac.yaml", "fleet-controllers/helmops-rbac.yaml", "agents-by-fleet/agentmanagement-rbac.yaml"} {
		_, _, err := kubectl.Kubectl("apply", "--server-side", "-f", artifacts(t, "kustomize", "components", file))
		require.NoError(t, err)
	}
	admin, err := kubernetes.NewForConfig(control.Config)
	require.NoError(t, err)
	return admin
}

// kube-apiserver's own authorizer is the oracle.
func TestFleetsProgramsMayDoWhatTheyDoAndNoMore(t *testing.T) {
	t.Parallel()
	admin := fleetAccounts(t)
	asked := func(t *testing.T, program, right, namespace string) bool {
		t.Helper()
		verb, what, _ := strings.Cut(right, " ")
		what, name, _ := strings.Cut(what, " named ")
		name, _, _ = strings.Cut(name, ", ")
		resource, group, _ := strings.Cut(what, ".")
		resource, subresource, _ := strings.Cut(resource, "/")
		review, err := admin.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + fleetSystem + ":" + program,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: verb, Group: group, Resource: resource, Subresource: subresource, Name: name, Namespace: namespace,
			},
		}}, metav1.CreateOptions{})
		require.NoError(t, err)
		return review.Status.Allowed
	}
	for program, rights := range fleets {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			for right := range rights {
				require.True(t, asked(t, program, right, "fleet-default"), right)
			}
			require.True(t, asked(t, program, "update leases.coordination.k8s.io named "+fleetsLeases[program], fleetSystem))
			for _, right := range []string{
				"update leases.coordination.k8s.io named " + fleetsLeases[program], // of another namespace
				"create pods", "create deployments.apps", "create serviceaccounts/token", "get nodes",
				"escalate clusterroles.rbac.authorization.k8s.io", "bind clusterroles.rbac.authorization.k8s.io named cluster-admin", "impersonate users",
				"create bundledeployments.fleet.cattle.io", "delete bundledeployments.fleet.cattle.io", "list contents.fleet.cattle.io",
				"delete clusters.fleet.cattle.io", "create gitrepos.fleet.cattle.io", "create helmops.fleet.cattle.io",
			} {
				require.False(t, asked(t, program, right, "fleet-default"), right)
			}
		})
	}
}

// RBAC refuses a role with rights that its writer does not have.
func TestFleetsProgramsCanGrantWhatTheyGrantAndNoMore(t *testing.T) {
	t.Parallel()
	admin := fleetAccounts(t)
	const workspace = "fleet-grants"
	control.MakeNamespace(t, workspace)
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: strings.Split(resource, ","), Verbs: verbs}
	}
	const fleet = "fleet.cattle.io"
	own := rule(fleet, "clusters/status", "patch")
	own.ResourceNames = []string{"paris"}
	agents := []rbacv1.PolicyRule{
		rule(fleet, "bundledeployments", "get", "list", "watch"), rule(fleet, "bundledeployments/status", "update", "patch"), rule("", "configmaps", "get"), rule("", "secrets", "get"),
	}
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	for _, c := range []struct {
		name, program string
		rules         []rbacv1.PolicyRule
		more          []rbacv1.PolicyRule // each is refused beside the others
	}{
		{"a git Job", "gitjob", []rbacv1.PolicyRule{
			rule(fleet, "bundles,imagescans", "get", "create", "update", "list", "delete"), rule(fleet, "gitrepos", "get"),
			rule("", "secrets", "get", "create", "update", "delete"), rule("", "events", "create"),
		}, []rbacv1.PolicyRule{rule(fleet, "clusters", "get"), rule("", "pods", "create"), rule("", "secrets", "deletecollection"), rule("*", "*", "*")}},
		{"a token", "fleet-agentmanagement", []rbacv1.PolicyRule{rule(fleet, "clusterregistrations", "create"), rule("", "secrets", "get")}, []rbacv1.PolicyRule{rule("", "pods", "create")}},
		{"an agent", "fleet-agentmanagement", append(agents[:len(agents):len(agents)], own), []rbacv1.PolicyRule{rule(fleet, "bundledeployments", "delete"), rule("", "nodes", "get")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			self, err := kubernetes.NewForConfig(control.AsAccount(t, fleetSystem, c.program))
			require.NoError(t, err)
			role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: workspace, GenerateName: "granted-"}, Rules: c.rules}
			role, err = self.RbacV1().Roles(workspace).Create(t.Context(), role, metav1.CreateOptions{})
			require.NoError(t, err)
			account, err := self.CoreV1().ServiceAccounts(workspace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{GenerateName: "granted-"}}, metav1.CreateOptions{})
			require.NoError(t, err)
			binding := &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{GenerateName: "granted-"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
				Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: workspace, Name: account.Name}},
			}
			_, err = self.RbacV1().RoleBindings(workspace).Create(t.Context(), binding, metav1.CreateOptions{})
			require.NoError(t, err)
			for _, more := range c.more {
				_, err := self.RbacV1().Roles(workspace).Create(t.Context(), &rbacv1.Role{
					ObjectMeta: metav1.ObjectMeta{GenerateName: "refused-"}, Rules: append(c.rules[:len(c.rules):len(c.rules)], more),
				}, dry)
				require.True(t, apierrors.IsForbidden(err), "%v: %v", more, err)
			}
			binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"}
			_, err = self.RbacV1().RoleBindings(workspace).Create(t.Context(), binding, dry)
			require.True(t, apierrors.IsForbidden(err), "%v", err)
		})
	}
	t.Run("the roles of agents", func(t *testing.T) {
		t.Parallel()
		self, err := kubernetes.NewForConfig(control.AsAccount(t, fleetSystem, "fleet-agentmanagement"))
		require.NoError(t, err)
		for name, rules := range map[string][]rbacv1.PolicyRule{"fleet-bundle-deployment": agents, "fleet-content": {rule(fleet, "contents", "get")}} {
			role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
			_, err := self.RbacV1().ClusterRoles().Create(t.Context(), role, dry)
			if !apierrors.IsAlreadyExists(err) { // another test may have left it
				require.NoError(t, err, "agentmanagement creates it when it starts")
			}
			role.Rules = append(rules[:len(rules):len(rules)], rule("", "pods", "create"))
			_, err = self.RbacV1().ClusterRoles().Create(t.Context(), role, dry)
			require.True(t, apierrors.IsForbidden(err), "%v", err)
		}
		other, err := admin.RbacV1().ClusterRoles().Get(t.Context(), "view", metav1.GetOptions{})
		require.NoError(t, err)
		_, err = self.RbacV1().ClusterRoles().Update(t.Context(), other, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		require.True(t, apierrors.IsForbidden(err), "%v", err)
	})
}
