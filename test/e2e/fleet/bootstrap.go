// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// bootstrapSet names the set of objects that agentmanagement writes at its start.
const bootstrapSet = "fleet-bootstrap-data"

// bootstrap writes the rights of agents and two Namespaces.
func (a *management) bootstrap(ctx context.Context) error {
	deployments, contents := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "fleet-bundle-deployment"}}, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "fleet-content"}}
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	}
	label := func(object metav1.Object) {
		object.SetAnnotations(merged(object.GetAnnotations(), setID, bootstrapSet))
		object.SetLabels(merged(object.GetLabels(), setHash, sha1Of(bootstrapSet)))
	}
	if err := a.put(ctx, nil, deployments, func() {
		label(deployments)
		deployments.Rules = []rbacv1.PolicyRule{
			rule(v1alpha1.GroupName, "bundledeployments", "get", "list", "watch"), rule(v1alpha1.GroupName, "bundledeployments/status", "update", "patch"),
			rule("", "configmaps", "get"), rule("", "secrets", "get"),
		}
	}); err != nil {
		return err
	}
	if err := a.put(ctx, nil, contents, func() {
		label(contents)
		contents.Rules = []rbacv1.PolicyRule{rule(v1alpha1.GroupName, "contents", "get")}
	}); err != nil {
		return err
	}
	for _, name := range []string{SystemNamespace, RegistrationNamespace} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := a.put(ctx, nil, namespace, func() { label(namespace) }); err != nil {
			return err
		}
	}
	return nil
}

func merged(all map[string]string, key, value string) map[string]string {
	if all == nil {
		all = map[string]string{}
	}
	all[key] = value
	return all
}
