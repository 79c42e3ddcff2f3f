// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds of the core API that are kept.
var (
	Namespaces          = corev1.SchemeGroupVersion.WithResource("namespaces")
	ServiceAccounts     = corev1.SchemeGroupVersion.WithResource("serviceaccounts")
	Secrets             = corev1.SchemeGroupVersion.WithResource("secrets")
	Roles               = rbacv1.SchemeGroupVersion.WithResource("roles")
	RoleBindings        = rbacv1.SchemeGroupVersion.WithResource("rolebindings")
	ClusterRoleBindings = rbacv1.SchemeGroupVersion.WithResource("clusterrolebindings")
)

// inOrderOfRemoval are all kinds: an account loses its rights before it is removed.
var inOrderOfRemoval = []schema.GroupVersionResource{ClusterRoleBindings, RoleBindings, Roles, Secrets, ServiceAccounts, Namespaces}

// content is the part of a kind that is decided here.
type content[T metav1.Object] struct {
	// same reports whether two objects have the same content; fixed, whether they do where
	// Kubernetes allows no change.
	same, fixed func(a, b T) bool
	// set gives an object the content of another.
	set func(object, as T)
}

func always[T any](T, T) bool { return true }

var (
	accountContent = content[*corev1.ServiceAccount]{
		same: always[*corev1.ServiceAccount], fixed: always[*corev1.ServiceAccount],
		set: func(_, _ *corev1.ServiceAccount) {},
	}
	secretContent = content[*corev1.Secret]{
		// Kubernetes writes the data of an account's token.
		same: func(a, b *corev1.Secret) bool {
			return b.Type == corev1.SecretTypeServiceAccountToken || equality.Semantic.DeepEqual(a.Data, b.Data)
		},
		fixed: func(a, b *corev1.Secret) bool { return a.Type == b.Type },
		set: func(object, as *corev1.Secret) {
			if as.Type != corev1.SecretTypeServiceAccountToken {
				object.Data = as.Data
			}
		},
	}
	roleContent = content[*rbacv1.Role]{
		same:  func(a, b *rbacv1.Role) bool { return equality.Semantic.DeepEqual(a.Rules, b.Rules) },
		fixed: always[*rbacv1.Role],
		set:   func(object, as *rbacv1.Role) { object.Rules = as.Rules },
	}
	roleBindingContent = content[*rbacv1.RoleBinding]{
		same:  func(a, b *rbacv1.RoleBinding) bool { return equality.Semantic.DeepEqual(a.Subjects, b.Subjects) },
		fixed: func(a, b *rbacv1.RoleBinding) bool { return a.RoleRef == b.RoleRef },
		set:   func(object, as *rbacv1.RoleBinding) { object.Subjects = as.Subjects },
	}
	clusterRoleBindingContent = content[*rbacv1.ClusterRoleBinding]{
		same:  func(a, b *rbacv1.ClusterRoleBinding) bool { return equality.Semantic.DeepEqual(a.Subjects, b.Subjects) },
		fixed: func(a, b *rbacv1.ClusterRoleBinding) bool { return a.RoleRef == b.RoleRef },
		set:   func(object, as *rbacv1.ClusterRoleBinding) { object.Subjects = as.Subjects },
	}
)
