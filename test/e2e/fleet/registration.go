// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

func addRegistration(m manager.Manager, a *management) error {
	err := builder.ControllerManagedBy(m).Named("token").For(&v1alpha1.ClusterRegistrationToken{}).
		Owns(&corev1.ServiceAccount{}).Complete(reconcile.Func(a.token))
	if err != nil {
		return err
	}
	return builder.ControllerManagedBy(m).Named("registration").For(&v1alpha1.ClusterRegistration{}).
		Watches(&v1alpha1.Cluster{}, handler.EnqueueRequestsFromMapFunc(a.waiting)).Complete(reconcile.Func(a.registration))
}

// waiting maps a Cluster to the registrations that wait for it.
func (a *management) waiting(ctx context.Context, object client.Object) (found []reconcile.Request) {
	cluster, requests := object.(*v1alpha1.Cluster), &v1alpha1.ClusterRegistrationList{}
	if cluster.Status.Namespace == "" || a.List(ctx, requests, client.InNamespace(cluster.Namespace)) != nil {
		return nil
	}
	for i := range requests.Items {
		if r := &requests.Items[i]; !r.Status.Granted && r.Spec.ClientID == cluster.Spec.ClientID {
			found = append(found, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(r)})
		}
	}
	return found
}

var managed = map[string]string{v1alpha1.LabelManaged: "true"}

// put creates or replaces an object. If an owner is given, it belongs to the owner.
func (a *management) put(ctx context.Context, owner, object client.Object, change func()) error {
	_, err := controllerutil.CreateOrUpdate(ctx, a.Client, object, func() error {
		change()
		if owner != nil {
			return controllerutil.SetControllerReference(owner, object, a.Scheme())
		}
		return nil
	})
	return client.IgnoreAlreadyExists(err)
}

// token gives a token its account, its rights and the Secret with an agent's values (S 8.2).
func (a *management) token(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	token := &v1alpha1.ClusterRegistrationToken{}
	if err := a.Get(ctx, request.NamespacedName, token); err != nil || token.DeletionTimestamp != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	account := names.SafeConcat(token.Name, string(token.UID))
	named := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: token.Namespace, Name: name, Labels: managed}
	}
	if err := a.put(ctx, token, &corev1.ServiceAccount{ObjectMeta: named(account)}, func() {}); err != nil {
		return reconcile.Result{}, err
	}
	key := &corev1.Secret{ObjectMeta: named(names.SafeConcat(account, "token"))}
	text, err := a.key(ctx, token, key, account)
	if err != nil || len(text) == 0 {
		return reconcile.Result{RequeueAfter: 200 * time.Millisecond}, err
	}
	role := &rbacv1.Role{ObjectMeta: named(names.SafeConcat(account, "role"))}
	if err := a.put(ctx, token, role, func() {
		role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"clusterregistrations"}, Verbs: []string{"create"}}}
	}); err != nil {
		return reconcile.Result{}, err
	}
	if err := a.bind(ctx, token, named(names.SafeConcat(account, "to", "role")), "Role", role.Name, token.Namespace, account); err != nil {
		return reconcile.Result{}, err
	}
	values, err := yaml.Marshal(map[string]any{
		"clusterNamespace": token.Namespace, "apiServerURL": a.settings.APIServerURL, "apiServerCA": string(a.settings.APIServerCA),
		"token": string(text), "systemRegistrationNamespace": RegistrationNamespace, "tokenName": token.Name,
	})
	if err != nil {
		return reconcile.Result{}, err
	}
	secret := &corev1.Secret{ObjectMeta: named(token.Name), Type: v1alpha1.SecretTypeRegistrationValues}
	if err := a.put(ctx, token, secret, func() { secret.Data = map[string][]byte{"values": values} }); err != nil {
		return reconcile.Result{}, err
	}
	if token.Status.SecretName == token.Name {
		return reconcile.Result{}, nil
	}
	token.Status.SecretName = token.Name
	if token.Spec.TTL != nil {
		ttl, err := token.Spec.TTL.Duration()
		if err != nil {
			return reconcile.Result{}, err
		}
		token.Status.Expires = &metav1.Time{Time: token.CreationTimestamp.Add(ttl)}
	}
	return again(a.Status().Update(ctx, token))
}

// key returns the token of an account, for which it creates the Secret.
func (a *management) key(ctx context.Context, owner client.Object, secret *corev1.Secret, account string) ([]byte, error) {
	err := a.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if !apierrors.IsNotFound(err) {
		return secret.Data[corev1.ServiceAccountTokenKey], err
	}
	secret.Type, secret.Annotations = corev1.SecretTypeServiceAccountToken, map[string]string{corev1.ServiceAccountNameKey: account}
	if owner != nil {
		if err := controllerutil.SetControllerReference(owner, secret, a.Scheme()); err != nil {
			return nil, err
		}
	}
	return nil, client.IgnoreAlreadyExists(a.Create(ctx, secret))
}

func (a *management) bind(ctx context.Context, owner client.Object, meta metav1.ObjectMeta, kind, role, namespace, account string) error {
	binding := &rbacv1.RoleBinding{ObjectMeta: meta}
	return a.put(ctx, owner, binding, func() {
		binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role}
		binding.Subjects = []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}}
	})
}

// registration grants an agent its rights (S 8.3).
func (a *management) registration(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	r := &v1alpha1.ClusterRegistration{}
	err := a.Get(ctx, request.NamespacedName, r)
	if apierrors.IsNotFound(err) {
		return reconcile.Result{}, a.revoke(ctx, request.NamespacedName)
	}
	if err != nil || r.Status.Granted || r.DeletionTimestamp != nil {
		return reconcile.Result{}, err
	}
	clusters := &v1alpha1.ClusterList{}
	if err := a.List(ctx, clusters, client.InNamespace(r.Namespace)); err != nil {
		return reconcile.Result{}, err
	}
	for i := range clusters.Items {
		if cluster := &clusters.Items[i]; cluster.Spec.ClientID == r.Spec.ClientID {
			return a.grant(ctx, r, cluster)
		}
	}
	name := names.ClusterName(r.Spec.ClientID)
	return reconcile.Result{}, client.IgnoreAlreadyExists(a.Create(ctx, &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: name, Labels: map[string]string{v1alpha1.LabelCluster: name}},
		Spec:       v1alpha1.ClusterSpec{ClientID: r.Spec.ClientID},
	}))
}

func (a *management) grant(ctx context.Context, r *v1alpha1.ClusterRegistration, cluster *v1alpha1.Cluster) (reconcile.Result, error) {
	home := cluster.Status.Namespace
	if err := a.Get(ctx, types.NamespacedName{Name: home}, &corev1.Namespace{}); home == "" || err != nil {
		return reconcile.Result{RequeueAfter: 200 * time.Millisecond}, client.IgnoreNotFound(err)
	}
	if len(r.OwnerReferences) == 0 {
		r.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Cluster", Name: cluster.Name, UID: cluster.UID}}
		if err := a.Update(ctx, r); err != nil {
			return again(err)
		}
	}
	account := names.SafeConcat(r.Name, string(r.UID))
	here, there := metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name, Labels: managed}, metav1.ObjectMeta{Namespace: home, Name: r.Name, Labels: managed}
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: account, Labels: managed, Annotations: map[string]string{
		v1alpha1.LabelCluster: cluster.Name, v1alpha1.LabelClusterRegistration: r.Name, v1alpha1.LabelClusterRegistrationNamespace: r.Namespace,
	}}}
	if err := a.put(ctx, nil, sa, func() {}); err != nil {
		return reconcile.Result{}, err
	}
	text, err := a.key(ctx, nil, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: account + "-token"}}, account)
	if err != nil || len(text) == 0 {
		return reconcile.Result{RequeueAfter: 200 * time.Millisecond}, err
	}
	role := &rbacv1.Role{ObjectMeta: here}
	steps := []func() error{
		func() error {
			return a.put(ctx, nil, role, func() {
				role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"clusters/status"}, ResourceNames: []string{cluster.Name}, Verbs: []string{"patch"}}}
			})
		},
		func() error { return a.bind(ctx, nil, here, "Role", role.Name, home, account) },
		func() error { return a.bind(ctx, nil, there, "ClusterRole", "fleet-bundle-deployment", home, account) },
		func() error { return a.content(ctx, r, home, account) },
		func() error { return a.credential(ctx, r, cluster, text) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return reconcile.Result{}, err
		}
	}
	r.Status.ClusterName, r.Status.Granted = cluster.Name, true
	return again(a.Status().Update(ctx, r))
}

func (a *management) content(ctx context.Context, r *v1alpha1.ClusterRegistration, home, account string) error {
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: names.SafeConcat(r.Name, "content"), Labels: managed}}
	return a.put(ctx, nil, binding, func() {
		binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fleet-content"}
		binding.Subjects = []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: home, Name: account}}
	})
}

// credential writes the Secret that the agent waits for, and lets its token read it.
func (a *management) credential(ctx context.Context, r *v1alpha1.ClusterRegistration, cluster *v1alpha1.Cluster, text []byte) error {
	token := &v1alpha1.ClusterRegistrationToken{}
	if err := a.Get(ctx, types.NamespacedName{Namespace: r.Namespace, Name: r.Labels[v1alpha1.LabelRegistrationToken]}, token); err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: RegistrationNamespace, Name: names.RegistrationSecretName(r.Spec.ClientID, r.Spec.ClientRandom),
			Labels: map[string]string{v1alpha1.LabelManaged: "true", v1alpha1.LabelCluster: cluster.Name},
		},
		Type: v1alpha1.SecretTypeAgentCredential,
	}
	if err := a.put(ctx, nil, secret, func() {
		secret.Data = map[string][]byte{
			"token": text, "deploymentNamespace": []byte(cluster.Status.Namespace), "clusterNamespace": []byte(cluster.Namespace),
			"clusterName": []byte(cluster.Name), "systemNamespace": []byte(SystemNamespace),
		}
	}); err != nil {
		return err
	}
	account := names.SafeConcat(token.Name, string(token.UID))
	meta := metav1.ObjectMeta{Namespace: RegistrationNamespace, Name: names.SafeConcat(account, "creds"), Labels: managed}
	role := &rbacv1.Role{ObjectMeta: meta}
	if err := a.put(ctx, nil, role, func() {
		role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret.Name}, Verbs: []string{"get"}}}
	}); err != nil {
		return err
	}
	return a.bind(ctx, nil, meta, "Role", role.Name, r.Namespace, account)
}

// revoke removes the rights of a registration that is gone.
func (a *management) revoke(ctx context.Context, at types.NamespacedName) error {
	here := metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name}
	for _, object := range []client.Object{
		&rbacv1.Role{ObjectMeta: here}, &rbacv1.RoleBinding{ObjectMeta: here},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: names.SafeConcat(at.Name, "content")}},
	} {
		if err := client.IgnoreNotFound(a.Delete(ctx, object)); err != nil {
			return err
		}
	}
	return nil
}
