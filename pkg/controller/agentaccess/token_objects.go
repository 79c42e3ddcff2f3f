// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// makings builds the objects of one token.
type makings struct {
	token *v1alpha1.ClusterRegistrationToken
}

func (m makings) accountName() string {
	return names.SafeConcat(m.token.Name, string(m.token.UID))
}

func (m makings) meta(namespace, name string) metav1.ObjectMeta {
	return ownership.Meta(namespace, name, ownership.Mark(tokens, m.token))
}

func (m makings) account() *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: m.meta(m.token.Namespace, m.accountName())}
}

// accountToken returns the Secret into which Kubernetes writes the account's token.
func (m makings) accountToken() *corev1.Secret {
	return accountToken(m.meta(m.token.Namespace, m.accountName()+"-token"), m.accountName())
}

func accountToken(meta metav1.ObjectMeta, account string) *corev1.Secret {
	meta.Annotations[corev1.ServiceAccountNameKey] = account
	return &corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeServiceAccountToken}
}

func (m makings) role() *rbacv1.Role {
	return &rbacv1.Role{
		ObjectMeta: m.meta(m.token.Namespace, names.SafeConcat(m.accountName(), "role")),
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.SchemeGroupVersion.Group}, Resources: []string{registrations}, Verbs: []string{"create"},
		}},
	}
}

func (m makings) binding() *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: m.meta(m.token.Namespace, names.SafeConcat(m.accountName(), "to", "role")),
		RoleRef:    roleRef("Role", m.role().Name),
		Subjects:   subjects(m.token.Namespace, m.accountName()),
	}
}

// fetching lets the token's account get the credentials with these names.
func (m makings) fetching(namespace string, secrets []string) (*rbacv1.Role, *rbacv1.RoleBinding) {
	meta := m.meta(namespace, names.SafeConcat(m.accountName(), "creds"))
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: secrets, Verbs: []string{"get"},
	}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: *meta.DeepCopy(), RoleRef: roleRef("Role", meta.Name), Subjects: subjects(m.token.Namespace, m.accountName())}
	return role, binding
}

func (m makings) values(s *Settings, ca, bearer string) (*corev1.Secret, error) {
	values := map[string]any{
		"clusterNamespace":            m.token.Namespace,
		"apiServerURL":                s.APIServerURL,
		"apiServerCA":                 ca,
		"token":                       bearer,
		"systemRegistrationNamespace": s.registrationNamespace(),
		"tokenName":                   m.token.Name,
	}
	if s.SystemNamespace != DefaultSettings().SystemNamespace {
		values["internal"] = map[string]any{"systemNamespace": s.SystemNamespace}
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		return nil, err
	}
	return &corev1.Secret{
		ObjectMeta: m.meta(m.token.Namespace, m.token.Name),
		Type:       v1alpha1.SecretTypeRegistrationValues,
		Data:       map[string][]byte{"values": text},
	}, nil
}

func roleRef(kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
}

func subjects(namespace, account string) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}}
}
