// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// registration grants what a ClusterRegistration asks for, once (S 8.3), and withdraws it when
// the registration or its Cluster is gone.
func (c *Controller) registration(ctx context.Context, key ownership.Owner) error {
	left := c.owned.Of(key)
	v, err := c.Fleet.Barrier(ctx)
	if err != nil {
		return err
	}
	item := v.Get(registrations, key.Name)
	if item == nil || registration(item).DeletionTimestamp != nil {
		return c.owned.Withdraw(ctx, key, left, "")
	}
	r := registration(item).DeepCopy()
	if err := c.owned.Withdraw(ctx, key, left, r.UID); err != nil {
		return err
	}
	if r.Status.Granted {
		return c.afterGrant(ctx, v, key, r, left)
	}
	if r.Labels[v1alpha1.LabelClusterManagement] != "" {
		return nil
	}
	if r.Spec.ClientID == "" {
		klog.InfoS("Does not grant a registration without spec.clientID, which names its cluster", "registration", key)
		return nil
	}
	if c.clients.superseded(v, r) {
		// Its client has registered again. The grant of that registration deletes this one, and
		// its end adds this key again.
		return nil
	}
	cluster, err := c.clusterFor(ctx, v, r)
	if err != nil {
		return err
	}
	if r, err = c.claim(ctx, r, cluster); err != nil {
		return err
	}
	if !hasPlace(cluster) {
		return nil // a change of the Cluster adds the key again
	}
	if err := c.ensureClusterNamespace(ctx, cluster); err != nil {
		return err
	}
	g := grant{r, cluster}
	bearer, err := c.ensureAccount(ctx, g)
	if err != nil {
		return err
	}
	if bearer == nil {
		return nil // a change of the Secret adds the key again
	}
	if err := c.ensureRights(ctx, g); err != nil {
		return err
	}
	if err := c.ensureCredentials(ctx, g, v, bearer); err != nil {
		return err
	}
	r.Status.Granted = true
	if _, err := c.Client.FleetV1alpha1().ClusterRegistrations(r.Namespace).UpdateStatus(ctx, r, metav1.UpdateOptions{}); err != nil {
		return err
	}
	klog.InfoS("Granted a registration", "registration", key, "cluster", cluster.Name, "namespace", cluster.Status.Namespace)
	return c.replaceOlder(ctx, v, r)
}

func (c *Controller) clusterFor(ctx context.Context, v *view.View, r *v1alpha1.ClusterRegistration) (*v1alpha1.Cluster, error) {
	for _, name := range c.clients.of(v, record.Clusters, r.Namespace, r.Spec.ClientID) {
		if found := clusterIn(v, name); found != nil && found.Spec.ClientID == r.Spec.ClientID {
			return found, nil
		}
	}
	want := requestedCluster(r, c.IgnoreRequestedLabels)
	if other := clusterIn(v, record.Name{Namespace: want.Namespace, Name: want.Name}); other != nil {
		return nil, fmt.Errorf("registration %s/%s: Cluster %s exists and is for another client (spec.clientID %q, not %q): delete it, or register with its ID",
			r.Namespace, r.Name, want.Name, other.Spec.ClientID, want.Spec.ClientID)
	}
	return c.Client.FleetV1alpha1().Clusters(want.Namespace).Create(ctx, want, metav1.CreateOptions{})
}

// claim ties a registration to its Cluster: by its status, and by an owner reference.
func (c *Controller) claim(ctx context.Context, r *v1alpha1.ClusterRegistration, cluster *v1alpha1.Cluster) (*v1alpha1.ClusterRegistration, error) {
	client := c.Client.FleetV1alpha1().ClusterRegistrations(r.Namespace)
	if r.Status.ClusterName != cluster.Name {
		r.Status.ClusterName = cluster.Name
		var err error
		if r, err = client.UpdateStatus(ctx, r, metav1.UpdateOptions{}); err != nil {
			return nil, err
		}
	}
	for _, o := range r.OwnerReferences {
		if o.UID == cluster.UID {
			return r, nil
		}
	}
	r.OwnerReferences = append(r.OwnerReferences, metav1.OwnerReference{
		APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Cluster", Name: cluster.Name, UID: cluster.UID,
	})
	return client.Update(ctx, r, metav1.UpdateOptions{})
}

// ensureAccount makes the agent's account, and returns its token; nil while Kubernetes has not
// made the token.
func (c *Controller) ensureAccount(ctx context.Context, g grant) ([]byte, error) {
	if err := c.owned.EnsureServiceAccount(ctx, g.account()); err != nil {
		return nil, err
	}
	secret, err := c.owned.EnsureSecret(ctx, g.accountToken())
	if err != nil || len(secret.Data[corev1.ServiceAccountTokenKey]) == 0 {
		return nil, err
	}
	return secret.Data[corev1.ServiceAccountTokenKey], nil
}

// ensureRights gives the agent the rights of S 8.4, and no others.
func (c *Controller) ensureRights(ctx context.Context, g grant) error {
	role, binding := g.heartbeat()
	if err := c.owned.EnsureRole(ctx, role); err != nil {
		return err
	}
	for _, b := range []*rbacv1.RoleBinding{binding, g.bundleDeployments()} {
		if err := c.owned.EnsureRoleBinding(ctx, b); err != nil {
			return err
		}
	}
	return c.owned.EnsureClusterRoleBinding(ctx, g.contents())
}

// ensureCredentials puts the agent's credentials where it fetches them. The right to fetch them
// is given by the token's key, which the new Secret adds to the queue.
func (c *Controller) ensureCredentials(ctx context.Context, g grant, v *view.View, bearer []byte) error {
	namespace := c.registrationNamespace()
	if err := c.ensureNamespace(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	secret := g.credentials(&c.Settings, bearer)
	if token := tokenFor(v, g.registration, g.cluster.Name, time.Now()); token != nil {
		secret.Annotations[v1alpha1.LabelRegistrationToken] = token.Name
	}
	_, err := c.owned.EnsureSecret(ctx, secret)
	return err
}

// tokenFor returns the token with which a registration was made: the import token of its
// Cluster, else the token that the registration names; nil if neither is valid.
func tokenFor(v *view.View, r *v1alpha1.ClusterRegistration, cluster string, now time.Time) *v1alpha1.ClusterRegistrationToken {
	for _, name := range []string{"import-token-" + cluster, r.Labels[v1alpha1.LabelRegistrationToken]} {
		token := tokenIn(v, record.Name{Namespace: r.Namespace, Name: name})
		if token == nil || token.DeletionTimestamp != nil {
			continue
		}
		if _, over, err := fate(token, false, now); err == nil && over == "" {
			return token
		}
	}
	return nil
}

// replaceOlder deletes the earlier registrations of a client. It comes last: until the new one
// is granted with all its rights, the earlier one works.
func (c *Controller) replaceOlder(ctx context.Context, v *view.View, r *v1alpha1.ClusterRegistration) error {
	for _, name := range c.clients.of(v, registrations, r.Namespace, r.Spec.ClientID) {
		item := v.Get(registrations, name)
		if item == nil {
			continue
		}
		other := asked(item)
		if other.Spec.ClientID != r.Spec.ClientID || !other.CreationTimestamp.Before(&r.CreationTimestamp) {
			continue
		}
		if other.Spec.ClientRandom == r.Spec.ClientRandom && registration(item).Status.Granted {
			continue // both have the same credentials
		}
		if err := c.deleteRegistration(ctx, other, "its client has registered again"); err != nil {
			return err
		}
	}
	return nil
}

// afterGrant deletes a registration whose Cluster is gone, the earlier ones of its client, and
// credentials after the time in which they can be fetched.
func (c *Controller) afterGrant(ctx context.Context, v *view.View, key ownership.Owner, r *v1alpha1.ClusterRegistration, left []ownership.Object) error {
	cluster := clusterIn(v, record.Name{Namespace: r.Namespace, Name: r.Status.ClusterName})
	if outlived(r, cluster) {
		return c.deleteRegistration(ctx, r, "its Cluster is gone")
	}
	if err := c.replaceOlder(ctx, v, r); err != nil {
		return err
	}
	for _, t := range left {
		_, uid, _ := ownership.Of(t)
		if t.Resource != ownership.Secrets || t.GetNamespace() != c.registrationNamespace() || uid != r.UID ||
			t.GetName() != names.RegistrationSecretName(r.Spec.ClientID, r.Spec.ClientRandom) {
			continue
		}
		if rest := time.Until(t.GetCreationTimestamp().Add(c.CredentialLifetime)); rest > 0 {
			c.queue.AddAfter(key, rest)
		} else if err := c.owned.Remove(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// outlived reports whether the Cluster for which a registration was granted is gone. A Cluster
// of the same name with another UID is a later one. Without an owner reference, this is unknown.
func outlived(r *v1alpha1.ClusterRegistration, cluster *v1alpha1.Cluster) bool {
	known := false
	for _, o := range r.OwnerReferences {
		if o.Kind != "Cluster" || o.Name != r.Status.ClusterName {
			continue
		}
		if cluster != nil && o.UID == cluster.UID {
			return false
		}
		known = true
	}
	return known
}

func (c *Controller) deleteRegistration(ctx context.Context, r *v1alpha1.ClusterRegistration, why string) error {
	if r.DeletionTimestamp != nil {
		return nil
	}
	err := c.Client.FleetV1alpha1().ClusterRegistrations(r.Namespace).Delete(ctx, r.Name, *metav1.NewPreconditionDeleteOptions(string(r.UID)))
	if err == nil {
		klog.InfoS("Deleted a registration", "registration", klog.KObj(r), "why", why)
	}
	return ignoreGone(err)
}

func requestedCluster(r *v1alpha1.ClusterRegistration, ignoreLabels bool) *v1alpha1.Cluster {
	cluster := &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: names.ClusterName(r.Spec.ClientID)},
		Spec:       v1alpha1.ClusterSpec{ClientID: r.Spec.ClientID},
	}
	cluster.Labels = map[string]string{}
	if !ignoreLabels {
		cluster.Labels = allowedLabels(r.Spec.ClusterLabels)
	}
	cluster.Labels[v1alpha1.LabelCluster] = cluster.Name
	return cluster
}
