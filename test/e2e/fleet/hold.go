// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// hold gives a source of Bundles its finalizer, and at its deletion removes the Bundles with a
// label of its name before the finalizer. done reports whether this was the work of this round.
func hold(ctx context.Context, c client.Client, source client.Object, finalizer, label string) (result reconcile.Result, done bool, err error) {
	has := controllerutil.ContainsFinalizer(source, finalizer)
	switch {
	case source.GetDeletionTimestamp().IsZero() && has:
		return result, false, nil
	case source.GetDeletionTimestamp().IsZero():
		return reconcile.Result{RequeueAfter: soon}, true, change(ctx, c, source, finalizer, controllerutil.AddFinalizer)
	case !has:
		return result, true, nil
	}
	left, err := purge(ctx, c, source, label)
	if err != nil || left > 0 {
		return reconcile.Result{RequeueAfter: recheck}, true, err
	}
	return result, true, change(ctx, c, source, finalizer, controllerutil.RemoveFinalizer)
}

// purge deletes the Bundles of a source, and returns how many exist.
func purge(ctx context.Context, c client.Client, source client.Object, label string) (int, error) {
	bundles := &v1alpha1.BundleList{}
	if err := c.List(ctx, bundles, client.InNamespace(source.GetNamespace()), client.MatchingLabels{label: source.GetName()}); err != nil {
		return 0, err
	}
	for i := range bundles.Items {
		if err := client.IgnoreNotFound(c.Delete(ctx, &bundles.Items[i])); err != nil {
			return 0, err
		}
	}
	return len(bundles.Items), nil
}

// change changes a finalizer with the whole object.
func change(ctx context.Context, c client.Client, object client.Object, name string, how func(client.Object, string) bool) error {
	return client.IgnoreNotFound(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		how(object, name)
		return c.Update(ctx, object)
	}))
}
