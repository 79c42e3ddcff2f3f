// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// ClusterRoles to which an agent is bound. Muster's installation brings them.
const (
	bundleDeploymentRole = "fleet-bundle-deployment"
	contentRole          = "fleet-content"
)

// grant builds the objects of one registration, with the names of S 8.3.
type grant struct {
	registration *v1alpha1.ClusterRegistration
	cluster      *v1alpha1.Cluster
}

func (g grant) accountName() string {
	return names.SafeConcat(g.registration.Name, string(g.registration.UID))
}

func (g grant) meta(namespace, name string) metav1.ObjectMeta {
	meta := ownership.Meta(namespace, name, ownership.Mark(registrations, g.registration))
	meta.Annotations[v1alpha1.LabelCluster] = g.cluster.Name
	meta.Annotations[v1alpha1.LabelClusterRegistration] = g.registration.Name
	meta.Annotations[v1alpha1.LabelClusterRegistrationNamespace] = g.registration.Namespace
	return meta
}

func (g grant) account() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: g.meta(g.cluster.Status.Namespace, g.accountName())}
}

func (g grant) accountToken() *corev1.Secret {
	return accountToken(g.meta(g.cluster.Status.Namespace, g.accountName()+"-token"), g.accountName())
}

func (g grant) subjects() []rbacv1.Subject {
	return subjects(g.cluster.Status.Namespace, g.accountName())
}

// heartbeat lets the agent write its heartbeats to its own Cluster.
func (g grant) heartbeat() (*rbacv1.Role, *rbacv1.RoleBinding) {
	meta := g.meta(g.registration.Namespace, g.registration.Name)
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.SchemeGroupVersion.Group}, Resources: []string{"clusters/status"},
		ResourceNames: []string{g.cluster.Name}, Verbs: []string{"patch"},
	}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: *meta.DeepCopy(), RoleRef: roleRef("Role", meta.Name), Subjects: g.subjects()}
	return role, binding
}

// bundleDeployments lets the agent read its BundleDeployments and report on them.
func (g grant) bundleDeployments() *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: g.meta(g.cluster.Status.Namespace, g.registration.Name),
		RoleRef:    roleRef("ClusterRole", bundleDeploymentRole),
		Subjects:   g.subjects(),
	}
}

// contents lets the agent get contents by their hashes.
func (g grant) contents() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: g.meta("", names.SafeConcat(g.registration.Name, "content")),
		RoleRef:    roleRef("ClusterRole", contentRole),
		Subjects:   g.subjects(),
	}
}

// credentials returns the Secret in which the agent finds its token and the names of its Cluster.
func (g grant) credentials(s *Settings, bearer []byte) *corev1.Secret {
	meta := g.meta(s.registrationNamespace(), names.RegistrationSecretName(g.registration.Spec.ClientID, g.registration.Spec.ClientRandom))
	if len(validation.IsValidLabelValue(g.cluster.Name)) == 0 { // a name may be longer
		meta.Labels[v1alpha1.LabelCluster] = g.cluster.Name
	}
	return &corev1.Secret{
		ObjectMeta: meta,
		Type:       v1alpha1.SecretTypeAgentCredential,
		Data: map[string][]byte{
			"token":               bearer,
			"deploymentNamespace": []byte(g.cluster.Status.Namespace),
			"clusterNamespace":    []byte(g.cluster.Namespace),
			"clusterName":         []byte(g.cluster.Name),
			"systemNamespace":     []byte(s.SystemNamespace),
		},
	}
}

// allowedLabels returns the labels that an agent may choose for its Cluster: none by which
// Fleet and Rancher know it.
func allowedLabels(requested map[string]string) map[string]string {
	allowed := map[string]string{}
	for key, value := range requested {
		reserved := strings.HasPrefix(key, "management.cattle.io/") || strings.HasPrefix(key, "fleet.cattle.io/")
		if !reserved || key == v1alpha1.LabelCreatedByAgentPod {
			allowed[key] = value
		}
	}
	return allowed
}
