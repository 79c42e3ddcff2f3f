// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EnsureNamespace makes a Namespace unless one of its name exists, which is left as it is.
// One that is being removed keeps its name until then: its end is a change of its owner's.
func (k *Keeper) EnsureNamespace(ctx context.Context, want *corev1.Namespace) error {
	if k.has(Namespaces, want) {
		return nil
	}
	_, err := k.Core.CoreV1().Namespaces().Create(ctx, want, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// EnsureServiceAccount makes a ServiceAccount as it should be.
func (k *Keeper) EnsureServiceAccount(ctx context.Context, want *corev1.ServiceAccount) error {
	// An account has no content, so the cache holds all there is to compare.
	have := k.get(ServiceAccounts, want)
	if have != nil && contains(have.Annotations, want.Annotations) {
		return nil
	}
	_, err := ensure(ctx, k.Core.CoreV1().ServiceAccounts(want.Namespace), accountContent, want, have != nil)
	return err
}

// EnsureSecret makes a Secret as it should be, and returns it. Kubernetes writes the data
// of an account's token: the Secret has none until then.
func (k *Keeper) EnsureSecret(ctx context.Context, want *corev1.Secret) (*corev1.Secret, error) {
	return ensure(ctx, k.Core.CoreV1().Secrets(want.Namespace), secretContent, want, k.has(Secrets, want))
}

// EnsureRole makes a Role as it should be.
func (k *Keeper) EnsureRole(ctx context.Context, want *rbacv1.Role) error {
	_, err := ensure(ctx, k.Core.RbacV1().Roles(want.Namespace), roleContent, want, k.has(Roles, want))
	return err
}

// EnsureRoleBinding makes a RoleBinding as it should be.
func (k *Keeper) EnsureRoleBinding(ctx context.Context, want *rbacv1.RoleBinding) error {
	_, err := ensure(ctx, k.Core.RbacV1().RoleBindings(want.Namespace), roleBindingContent, want, k.has(RoleBindings, want))
	return err
}

// EnsureClusterRoleBinding makes a ClusterRoleBinding as it should be.
func (k *Keeper) EnsureClusterRoleBinding(ctx context.Context, want *rbacv1.ClusterRoleBinding) error {
	_, err := ensure(ctx, k.Core.RbacV1().ClusterRoleBindings(), clusterRoleBindingContent, want, k.has(ClusterRoleBindings, want))
	return err
}

// typedClient is client-go's client of one kind.
type typedClient[T any] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, options metav1.CreateOptions) (T, error)
	Update(ctx context.Context, object T, options metav1.UpdateOptions) (T, error)
	Delete(ctx context.Context, name string, options metav1.DeleteOptions) error
}

// ensure makes an object as it should be, and returns it. It writes only what differs, and
// fails for an object of another owner. likely says whether the object seems to exist: that
// saves a request, and decides nothing.
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
		if err := client.Delete(ctx, want.GetName(), *metav1.NewPreconditionDeleteOptions(string(have.GetUID()))); err != nil {
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

// requireOurs returns an error for an object that does not belong to the owner of the one
// that should be there. Objects of an earlier owner of the same name are withdrawn first.
func requireOurs(have, want metav1.Object) error {
	mine, uid, _ := Of(want)
	owner, theirs, ok := Of(have)
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
	return fmt.Errorf("%T %s was not made by Muster, so it gets no rights through %s: rename or delete one of the two", want, where, mine)
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
