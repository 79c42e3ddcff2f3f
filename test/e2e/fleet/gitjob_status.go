// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// poller asks git servers for the newest commit from time to time.
type poller struct {
	client.Client
	remote *Remote
}

func addPoller(m manager.Manager, remote *Remote) error {
	return builder.ControllerManagedBy(m).Named("gitpoller").
		For(&v1alpha1.GitRepo{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&poller{m.GetClient(), remote})
}

// Reconcile writes the newest commit as a merge patch against the object that it has read.
func (p *poller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	repo := &v1alpha1.GitRepo{}
	if err := p.Get(ctx, request.NamespacedName, repo); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !repo.DeletionTimestamp.IsZero() || repo.Spec.DisablePolling || repo.Spec.Repo == "" {
		return reconcile.Result{}, nil
	}
	interval := 15 * time.Second
	if repo.Spec.PollingInterval != nil {
		var err error
		if interval, err = repo.Spec.PollingInterval.Duration(); err != nil {
			return reconcile.Result{}, err
		}
	}
	commit, fetched := p.remote.Fetch(repo.Spec.Repo)
	polled := metav1.Now()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live := &v1alpha1.GitRepo{}
		if err := p.Get(ctx, request.NamespacedName, live); err != nil {
			return err
		}
		live.Status.LastPollingTime = polled
		if fetched == nil {
			live.Status.PollingCommit = commit.ID
		}
		setError(&live.Status.Conditions, gitPolling, fetched)
		return p.Status().Patch(ctx, live, client.MergeFrom(repo))
	})
	return reconcile.Result{RequeueAfter: interval}, client.IgnoreNotFound(err)
}

// gitStatus writes into a GitRepo what its BundleDeployments say.
type gitStatus struct{ client.Client }

func addGitStatus(m manager.Manager) error {
	return builder.ControllerManagedBy(m).Named("gitstatus").
		For(&v1alpha1.GitRepo{}).
		Watches(&v1alpha1.Bundle{}, sourceOf(v1alpha1.LabelRepoName), builder.WithPredicates(bundleMoved)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(delayed(&gitStatus{m.GetClient()}))
}

// sourceOf maps a Bundle to the object that a label names.
func sourceOf(label string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, bundle client.Object) []reconcile.Request {
		name := bundle.GetLabels()[label]
		if name == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: bundle.GetNamespace(), Name: name}}}
	})
}

var bundleMoved = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(e.ObjectOld.(*v1alpha1.Bundle).Status, e.ObjectNew.(*v1alpha1.Bundle).Status)
}}

// delayed puts off each reconcile, so that several events cause one.
func delayed(r reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		select {
		case <-time.After(statusDelay):
			return r.Reconcile(ctx, request)
		case <-ctx.Done():
			return reconcile.Result{}, nil
		}
	})
}

// Reconcile writes the whole status, parts included that Muster computes and ignores.
func (g *gitStatus) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	repo := &v1alpha1.GitRepo{}
	if err := g.Get(ctx, request.NamespacedName, repo); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !repo.DeletionTimestamp.IsZero() || repo.Spec.Repo == "" {
		return reconcile.Result{}, nil
	}
	all := &v1alpha1.BundleDeploymentList{}
	if err := g.List(ctx, all, client.MatchingLabels{v1alpha1.LabelRepoName: repo.Name, v1alpha1.LabelBundleNamespace: repo.Namespace}); err != nil {
		return reconcile.Result{}, err
	}
	roll(all.Items, &repo.Status.StatusBase)
	if repo.Status.GitJobStatus != current {
		repo.Status.Display.State = "GitUpdating"
	}
	set(&repo.Status.Conditions, ready, status(repo.Status.Summary), "", "")
	return again(g.Status().Update(ctx, repo))
}

func status(s v1alpha1.BundleSummary) corev1.ConditionStatus {
	if s.Ready == s.DesiredReady {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}
