// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// token makes the objects of a ClusterRegistrationToken (S 8.2), or removes them after it.
func (c *Controller) token(ctx context.Context, key ownership.Owner) error {
	left := c.owned.Of(key)
	v, err := c.Fleet.Barrier(ctx)
	if err != nil {
		return err
	}
	token := tokenIn(v, key.Name)
	if token == nil || token.DeletionTimestamp != nil {
		return c.owned.Withdraw(ctx, key, left, "")
	}
	if err := c.owned.Withdraw(ctx, key, left, token.UID); err != nil {
		return err
	}
	expires, over, err := fate(token, c.TokenTTLRequired, time.Now())
	if err != nil {
		return err
	}
	if over != "" {
		klog.InfoS("Deletes a token", "token", key, "why", over)
		err := c.Client.FleetV1alpha1().ClusterRegistrationTokens(token.Namespace).Delete(ctx, token.Name, *metav1.NewPreconditionDeleteOptions(string(token.UID)))
		return ignoreGone(err)
	}
	if expires != nil {
		c.queue.AddAfter(key, time.Until(expires.Time))
	}
	secret, err := c.ensureToken(ctx, makings{token})
	if err != nil {
		return err
	}
	if err := c.ensureFetching(ctx, key, makings{token}); err != nil {
		return err
	}
	return c.writeTokenStatus(ctx, token, expires, secret)
}

// ensureToken makes the objects in the token's namespace. It returns the name of the Secret with
// the values; "" while Kubernetes has not made the account's token.
func (c *Controller) ensureToken(ctx context.Context, m makings) (string, error) {
	if err := c.owned.EnsureServiceAccount(ctx, m.account()); err != nil {
		return "", err
	}
	if err := c.owned.EnsureRole(ctx, m.role()); err != nil {
		return "", err
	}
	if err := c.owned.EnsureRoleBinding(ctx, m.binding()); err != nil {
		return "", err
	}
	bearer, err := c.owned.EnsureSecret(ctx, m.accountToken())
	if err != nil || len(bearer.Data[corev1.ServiceAccountTokenKey]) == 0 {
		return "", err // a change of the Secret adds the key again
	}
	ca, err := c.apiServerCA()
	if err != nil {
		return "", err
	}
	values, err := m.values(&c.Settings, string(ca), string(bearer.Data[corev1.ServiceAccountTokenKey]))
	if err != nil {
		return "", err
	}
	_, err = c.owned.EnsureSecret(ctx, values)
	return values.Name, err
}

// tokenOf returns the token whose holder may fetch an object, if the object is a credential.
func tokenOf(object metav1.Object) (ownership.Owner, bool) {
	notes := object.GetAnnotations()
	name := record.Name{Namespace: notes[v1alpha1.LabelClusterRegistrationNamespace], Name: notes[v1alpha1.LabelRegistrationToken]}
	return ownership.Owner{Resource: tokens, Name: name}, name.Namespace != "" && name.Name != ""
}

// mostFetchable is the number of credentials that the holder of one token may fetch at a time. A
// Role that names more than twice as many is too large for etcd, and no agent could fetch its
// credentials then.
const mostFetchable = 10_000

func newest(things []ownership.Object, most int) []string {
	slices.SortFunc(things, func(a, b ownership.Object) int {
		x, y := a.GetCreationTimestamp(), b.GetCreationTimestamp()
		return cmp.Or(y.Compare(x.Time), cmp.Compare(a.GetName(), b.GetName()))
	})
	var names []string
	for _, t := range things[:min(len(things), most)] {
		names = append(names, t.GetName())
	}
	return names
}

// ensureFetching lets the token's holder fetch the credentials of the agents that registered
// with it, while these exist. All of them share one Role.
func (c *Controller) ensureFetching(ctx context.Context, key ownership.Owner, m makings) error {
	names := newest(slices.DeleteFunc(c.owned.UsedBy(key, ownership.Secrets), func(secret ownership.Object) bool {
		return secret.GetNamespace() != c.registrationNamespace() || secret.GetDeletionTimestamp() != nil
	}), mostFetchable)
	role, binding := m.fetching(c.registrationNamespace(), names)
	if len(names) > 0 {
		slices.Sort(role.Rules[0].ResourceNames)
		if err := c.owned.EnsureRole(ctx, role); err != nil {
			return err
		}
		return c.owned.EnsureRoleBinding(ctx, binding)
	}
	for _, t := range c.owned.Of(key) {
		if t.GetNamespace() == role.Namespace && t.GetName() == role.Name && (t.Resource == ownership.Roles || t.Resource == ownership.RoleBindings) {
			if err := c.owned.Remove(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controller) writeTokenStatus(ctx context.Context, token *v1alpha1.ClusterRegistrationToken, expires *metav1.Time, secret string) error {
	if token.Status.Expires.Equal(expires) && token.Status.SecretName == secret {
		return nil
	}
	token = token.DeepCopy()
	token.Status.Expires, token.Status.SecretName = expires, secret
	_, err := c.Client.FleetV1alpha1().ClusterRegistrationTokens(token.Namespace).UpdateStatus(ctx, token, metav1.UpdateOptions{})
	return err
}

// fate returns when a token expires, nil if never, and why it has to be deleted now; "" if it
// has not.
func fate(token *v1alpha1.ClusterRegistrationToken, required bool, now time.Time) (expires *metav1.Time, over string, err error) {
	var ttl time.Duration
	if token.Spec.TTL != nil {
		if ttl, err = token.Spec.TTL.Duration(); err != nil {
			return nil, "", fmt.Errorf("spec.ttl: %w", err)
		}
	}
	if ttl <= 0 {
		if required {
			over = "it would never expire: set spec.ttl, or run without --registration-token-ttl-required"
		}
		return nil, over, nil
	}
	// Times in JSON have whole seconds.
	at := metav1.NewTime(token.CreationTimestamp.Add(ttl + time.Second - 1).Truncate(time.Second))
	if !now.Before(at.Time) {
		over = "it has expired"
	}
	return &at, over, nil
}

// tokenIn renders a token of a view; nil if it does not exist. The caller must not modify it.
func tokenIn(v *view.View, name record.Name) *v1alpha1.ClusterRegistrationToken {
	item := v.Get(tokens, name)
	if item == nil {
		return nil
	}
	return item.Render().(*v1alpha1.ClusterRegistrationToken)
}

// ignoreGone drops the error that the object is already gone or replaced.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
