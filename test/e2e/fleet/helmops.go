// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// helmops turns HelmOps into Bundles.
type helmops struct{ client.Client }

func addHelmops(m manager.Manager) error {
	h := &helmops{m.GetClient()}
	err := builder.ControllerManagedBy(m).Named("helmop").
		For(&v1alpha1.HelmOp{}, builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{}))).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).Complete(h)
	if err != nil {
		return err
	}
	return builder.ControllerManagedBy(m).Named("helmopstatus").
		For(&v1alpha1.HelmOp{}).
		Watches(&v1alpha1.Bundle{}, sourceOf(v1alpha1.LabelHelmOpName), builder.WithPredicates(bundleMoved)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(delayed(reconcile.Func(h.status)))
}

// Reconcile writes the Bundle of a HelmOp.
func (h *helmops) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	op := &v1alpha1.HelmOp{}
	if err := h.Get(ctx, request.NamespacedName, op); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if result, done, err := hold(ctx, h, op, helmOpFinalizer, v1alpha1.LabelHelmOpName); done {
		return result, err
	}
	err := h.bundle(ctx, op)
	if wrong := h.accept(ctx, request.NamespacedName, op, err); wrong != nil && err == nil {
		err = wrong
	}
	return reconcile.Result{}, err
}

// version is the newest version of each chart.
const version = "1.2.3"

func (h *helmops) bundle(ctx context.Context, op *v1alpha1.HelmOp) error {
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: op.Namespace, Name: op.Name}}
	live := &v1alpha1.Bundle{}
	if err := h.Get(ctx, client.ObjectKeyFromObject(bundle), live); client.IgnoreNotFound(err) != nil {
		return err
	} else if err == nil && live.Spec.HelmOpOptions == nil {
		return fmt.Errorf("a non-helmops bundle already exists with name %s; aborting", op.Name)
	}
	spec := op.Spec.BundleSpec.DeepCopy()
	for i := range spec.Targets {
		if spec.Targets[i].Name == "" {
			spec.Targets[i].Name = fmt.Sprintf("target%03d", i)
		}
	}
	if len(spec.Targets) == 0 {
		spec.Targets = []v1alpha1.BundleTarget{{Name: "default", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: "default"}}}
	}
	op.Status.Version = version
	spec.Resources, spec.Helm.Version = nil, version
	spec.HelmOpOptions = &v1alpha1.BundleHelmOptions{SecretName: op.Spec.HelmSecretName, InsecureSkipTLSverify: op.Spec.InsecureSkipTLSverify}
	_, err := controllerutil.CreateOrUpdate(ctx, h.Client, bundle, func() error {
		bundle.Spec, bundle.Annotations = *spec, nil
		bundle.Labels = map[string]string{v1alpha1.LabelHelmOpName: op.Name}
		for key, value := range op.Spec.Labels {
			bundle.Labels[key] = value
		}
		return nil
	})
	return err
}

// accept writes the version and the conditions as a merge patch.
func (h *helmops) accept(ctx context.Context, key types.NamespacedName, op *v1alpha1.HelmOp, wrong error) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live := &v1alpha1.HelmOp{}
		if err := h.Get(ctx, key, live); err != nil {
			return err
		}
		from := op.DeepCopy()
		if live.Status.Version != op.Status.Version {
			live.Status.Version, from.Status.Version = op.Status.Version, ""
		}
		live.Status.Conditions = ofOthers(live.Status.Conditions, op.Status.Conditions)
		setError(&live.Status.Conditions, accepted, wrong)
		patch := client.MergeFrom(from)
		if data, err := patch.Data(live); err == nil && string(data) == "{}" {
			return nil
		}
		return h.Status().Patch(ctx, live, patch)
	})
}

// status writes the whole status, parts included that Muster computes and ignores.
func (h *helmops) status(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	op := &v1alpha1.HelmOp{}
	if err := h.Get(ctx, request.NamespacedName, op); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !op.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	all := &v1alpha1.BundleDeploymentList{}
	if err := h.List(ctx, all, client.MatchingLabels{v1alpha1.LabelHelmOpName: op.Name, v1alpha1.LabelBundleNamespace: op.Namespace}); err != nil {
		return reconcile.Result{}, err
	}
	roll(all.Items, &op.Status.StatusBase)
	set(&op.Status.Conditions, ready, status(op.Status.Summary), "", "")
	return again(h.Status().Update(ctx, op))
}
