// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// workspace is the namespace of the Clusters and Bundles.
const workspace = "fleet-default"

// bundles are in force on both Clusters; a BundleDeployment has its Bundle's name.
var bundles = []string{"one", "three", "two"}

// agent holds the identity that manages one Cluster: a ServiceAccount with the grant of
// S 8.3.
type agent struct {
	// cluster is the Cluster's name, namespace that of its BundleDeployments.
	cluster, namespace string
	account            string
	// content is the name of a Content that one of its BundleDeployments deploys.
	content string
	config  *rest.Config
}

func (a *agent) user() string { return "system:serviceaccount:" + a.namespace + ":" + a.account }

func (a *agent) deployments() string {
	return api + "/namespaces/" + a.namespace + "/bundledeployments"
}

func (a *agent) list() request { return request{path: a.deployments()} }

func (a *agent) heartbeat() request {
	return request{
		method: http.MethodPatch, path: inWorkspace("clusters", a.cluster, "status"), kind: jsonPatch,
		body: `[{"op":"add","path":"/status/agent","value":{"lastSeen":"2026-11-23T10:00:00Z","namespace":"cattle-fleet-system"}}]`,
	}
}

func inWorkspace(parts ...string) string {
	return api + "/namespaces/" + workspace + "/" + strings.Join(parts, "/")
}

// populate creates two Clusters with their agents, and Bundles for both.
func populate(t cluster.T) (*agent, *agent) {
	t.Helper()
	control.MakeNamespace(t, workspace)
	post := func(resource, body string) {
		t.Helper()
		a := ask(t, control.Config, request{method: http.MethodPost, path: inWorkspace(resource), body: body})
		require.Equal(t, http.StatusCreated, a.code, a.body)
	}
	for _, name := range bundles {
		post("bundles", fmt.Sprintf(`{"apiVersion":"%s/v1alpha1","kind":"Bundle","metadata":{"name":%q},"spec":{
			"helm":{"values":{"secret":"of-%[2]s"}},
			"resources":[{"name":"a.yaml","content":"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %[3]s}\n"}],
			"targets":[{"clusterSelector":{}}]}}`, group, name, name))
	}
	make := func(name string) *agent {
		t.Helper()
		post("clusters", fmt.Sprintf(`{"apiVersion":"%s/v1alpha1","kind":"Cluster","metadata":{"name":%q,"labels":{"env":"test"}},"spec":{}}`, group, name))
		return grant(t, name)
	}
	return make("north"), make("south")
}

// grant creates the agent of a Cluster, as its registration does.
func grant(t cluster.T, name string) *agent {
	t.Helper()
	a := &agent{cluster: name, account: "request-" + name}
	read := parse(t, ask(t, control.Config, request{path: inWorkspace("clusters", name)}))
	a.namespace, _ = read.Status["namespace"].(string)
	require.NotEmpty(t, a.namespace, "the Cluster has no namespace: %v", read.Status)
	control.MakeNamespace(t, a.namespace)
	_, err := control.Client.CoreV1().ServiceAccounts(a.namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: a.account}}, metav1.CreateOptions{})
	require.NoError(t, err)
	self := account(a.namespace, a.account)
	allow(t, a.account, workspace, self, rbacv1.PolicyRule{
		APIGroups: []string{group}, Resources: []string{"clusters/status"}, ResourceNames: []string{name}, Verbs: []string{"patch"},
	})
	bind(t, a.account, a.namespace, "ClusterRole", "fleet-bundle-deployment", self)
	bind(t, a.account+"-content", "", "ClusterRole", "fleet-content", self)
	a.config = control.AsAccount(t, a.namespace, a.account)

	list := parse(t, ask(t, control.Config, request{path: a.deployments()}))
	require.Len(t, list.Items, len(bundles))
	a.content, _, _ = strings.Cut(fmt.Sprint(list.Items[0].Spec["deploymentID"]), ":")
	poll.Eventually(t, patience, func(ctx context.Context) error {
		return expect(ctx, a.config, request{path: a.deployments()}, http.StatusOK)
	})
	return a
}

func account(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
}

func user(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
}

// allow gives a subject one right, in a namespace or, if that is empty, everywhere.
func allow(t cluster.T, name, namespace string, subject rbacv1.Subject, rule rbacv1.PolicyRule) {
	t.Helper()
	meta, rules, kind := metav1.ObjectMeta{Name: name, Namespace: namespace}, []rbacv1.PolicyRule{rule}, "Role"
	var err error
	if namespace == "" {
		kind = "ClusterRole"
		_, err = control.Client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	} else {
		_, err = control.Client.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	}
	require.NoError(t, err)
	bind(t, name, namespace, kind, name, subject)
}

func bind(t cluster.T, name, namespace, kind, role string, subject rbacv1.Subject) {
	t.Helper()
	meta, ref, subjects := metav1.ObjectMeta{Name: name, Namespace: namespace}, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role}, []rbacv1.Subject{subject}
	var err error
	if namespace == "" {
		_, err = control.Client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}, metav1.CreateOptions{})
	} else {
		_, err = control.Client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}, metav1.CreateOptions{})
	}
	require.NoError(t, err)
}

// expect returns an error if the answer has another code.
func expect(ctx context.Context, config *rest.Config, r request, code int) error {
	a, err := try(ctx, config, r)
	if err == nil && a.code != code {
		err = fmt.Errorf("%s %s: got %d instead of %d: %.300s", r.method, r.path, a.code, code, a.body)
	}
	return err
}
