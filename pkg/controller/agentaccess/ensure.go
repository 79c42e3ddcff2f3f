// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// client of one kind of the core API, as client-go has them.
type typedClient[T any] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, options metav1.CreateOptions) (T, error)
	Update(ctx context.Context, object T, options metav1.UpdateOptions) (T, error)
	Delete(ctx context.Context, name string, options metav1.DeleteOptions) error
}

// content is the part of a kind that this package decides.
type content[T metav1.Object] struct {
	// same tells if two objects say the same; fixed if they do where it cannot be
	// changed.
	same, fixed func(a, b T) bool
	// set makes one say what another says.
	set func(object, as T)
}

func always[T any](T, T) bool { return true }

var (
	accountContent = content[*corev1.ServiceAccount]{
		same: always[*corev1.ServiceAccount], fixed: always[*corev1.ServiceAccount],
		set: func(_, _ *corev1.ServiceAccount) {},
	}
	// What is in it is made by Kubernetes.
	accountTokenContent = content[*corev1.Secret]{
		same: always[*corev1.Secret], fixed: func(a, b *corev1.Secret) bool { return a.Type == b.Type },
		set: func(_, _ *corev1.Secret) {},
	}
	secretContent = content[*corev1.Secret]{
		same:  func(a, b *corev1.Secret) bool { return equality.Semantic.DeepEqual(a.Data, b.Data) },
		fixed: func(a, b *corev1.Secret) bool { return a.Type == b.Type },
		set:   func(object, as *corev1.Secret) { object.Data = as.Data },
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

// ensure makes an object be there and say what it should, and returns it. It writes
// only if it must, and touches no object that belongs to somebody else. likely is
// whether it seems to be there: that saves a request, and decides nothing.
func ensure[T metav1.Object](ctx context.Context, client typedClient[T], c content[T], want T, likely bool) (T, error) {
	if !likely {
		made, err := client.Create(ctx, want, metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			return made, err
		}
	}
	have, err := client.Get(ctx, want.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return client.Create(ctx, want, metav1.CreateOptions{})
	}
	if err != nil {
		return have, err
	}
	if err := requireOurs(have, want); err != nil {
		return have, err
	}
	if !c.fixed(have, want) {
		uid := have.GetUID()
		if err := client.Delete(ctx, want.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}); err != nil {
			return have, err
		}
		return client.Create(ctx, want, metav1.CreateOptions{})
	}
	if c.same(have, want) && contains(have.GetLabels(), want.GetLabels()) && contains(have.GetAnnotations(), want.GetAnnotations()) {
		return have, nil
	}
	c.set(have, want)
	have.SetLabels(union(have.GetLabels(), want.GetLabels()))
	have.SetAnnotations(union(have.GetAnnotations(), want.GetAnnotations()))
	return client.Update(ctx, have, metav1.UpdateOptions{})
}

// requireOurs refuses to change what somebody else made, or what was made for
// somebody else. What one of the owner's name left behind is removed first, elsewhere.
func requireOurs(have, want metav1.Object) error {
	mine, uid, _ := ownerOf(want)
	owner, theirs, ok := ownerOf(have)
	if ok && owner == mine && (theirs == uid || theirs == "") {
		return nil
	}
	where := have.GetName()
	if have.GetNamespace() != "" {
		where = have.GetNamespace() + "/" + where
	}
	if ok {
		return fmt.Errorf("%T %s belongs to %s: rename or delete one of the two", want, where, owner)
	}
	return fmt.Errorf("%T %s was made by somebody else, so it gets no rights through %s: rename or delete one of the two", want, where, mine)
}

func contains(have, want map[string]string) bool {
	for key, value := range want {
		if got, found := have[key]; !found || got != value {
			return false
		}
	}
	return true
}

func union(have, want map[string]string) map[string]string {
	all := maps.Clone(have)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, want)
	return all
}
