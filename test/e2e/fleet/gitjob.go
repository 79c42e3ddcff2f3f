// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Finalizers that gitjob and helmops add and remove.
const (
	gitRepoFinalizer = "fleet.cattle.io/gitrepo-finalizer"
	helmOpFinalizer  = "fleet.cattle.io/helmop-finalizer"
)

const (
	// soon is Fleet's time until it looks again after a write of its own.
	soon = 5 * time.Second
	// recheck is its time until it looks again for Bundles of a deleted GitRepo.
	recheck = 2 * time.Second
	// statusDelay replaces the 3 seconds by which it delays each status.
	statusDelay = 300 * time.Millisecond
	// workers is its number of reconciles of a kind at the same time.
	workers = 50
)

// gitjob turns GitRepos into Jobs.
type gitjob struct {
	client.Client
	remote *Remote
}

func addGitjob(m manager.Manager, remote *Remote) error {
	g := &gitjob{m.GetClient(), remote}
	err := builder.ControllerManagedBy(m).Named("gitrepo").
		For(&v1alpha1.GitRepo{}, builder.WithPredicates(predicate.Or(
			resynced, predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{}, commitMoved))).
		Owns(&batchv1.Job{}, builder.WithPredicates(jobMoved)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).Complete(g)
	if err != nil {
		return err
	}
	if err := addPoller(m, remote); err != nil {
		return err
	}
	return addGitStatus(m)
}

// Predicates of gitjob.
var (
	resynced = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion()
	}}
	commitMoved = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, is := e.ObjectOld.(*v1alpha1.GitRepo).Status, e.ObjectNew.(*v1alpha1.GitRepo).Status
		return was.WebhookCommit != is.WebhookCommit || was.PollingCommit != is.PollingCommit
	}}
	jobMoved = predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, is := e.ObjectOld.(*batchv1.Job), e.ObjectNew.(*batchv1.Job)
			return !equality.Semantic.DeepEqual(was.Status, is.Status) || was.DeletionTimestamp == nil && is.DeletionTimestamp != nil
		},
	}
)

// Reconcile does what one event of a GitRepo or of its Job makes gitjob do.
func (g *gitjob) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	repo := &v1alpha1.GitRepo{}
	if err := g.Get(ctx, request.NamespacedName, repo); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if err := restrictions(ctx, g, repo.Namespace); err != nil {
		return reconcile.Result{}, err
	}
	if result, done, err := hold(ctx, g, repo, gitRepoFinalizer, v1alpha1.LabelRepoName); done {
		return result, err
	}
	if repo.Spec.Repo == "" {
		return reconcile.Result{}, nil
	}
	before := repo.Status.Commit
	if repo.Status.PollingCommit != "" {
		repo.Status.Commit = repo.Status.PollingCommit
	}
	result, err := g.manage(ctx, repo, before)
	setError(&repo.Status.Conditions, accepted, err)
	if wrong := g.update(ctx, request.NamespacedName, &repo.Status); wrong != nil && err == nil {
		err = wrong
	}
	return result, err
}

// manage creates, replaces or removes the Job.
func (g *gitjob) manage(ctx context.Context, repo *v1alpha1.GitRepo, before string) (reconcile.Result, error) {
	job := &batchv1.Job{}
	err := g.Get(ctx, types.NamespacedName{Namespace: repo.Namespace, Name: jobName(repo)}, job)
	switch {
	case apierrors.IsNotFound(err):
		if repo.Spec.DisablePolling {
			commit, err := g.remote.Fetch(repo.Spec.Repo)
			setError(&repo.Status.Conditions, gitPolling, err)
			if err == nil {
				repo.Status.Commit = commit.ID
			}
		}
		moved := repo.Status.Commit != "" && repo.Status.Commit != before
		if moved || repo.Spec.ForceSyncGeneration != repo.Status.UpdateGeneration || edited(repo) {
			repo.Status.UpdateGeneration = repo.Spec.ForceSyncGeneration
			if err := g.start(ctx, repo); err != nil {
				return reconcile.Result{}, err
			}
		}
	case err != nil:
		return reconcile.Result{}, err
	case repo.Status.Commit != "" && repo.Status.Commit == before:
		again, err := g.retire(ctx, repo, job)
		if err != nil || again {
			return reconcile.Result{RequeueAfter: time.Second}, err
		}
	}
	repo.Status.ObservedGeneration = repo.Generation
	return reconcile.Result{}, g.show(ctx, repo, job)
}

// edited reports whether the spec has changed since gitjob last worked on it.
func edited(repo *v1alpha1.GitRepo) bool {
	return repo.Generation != repo.Status.ObservedGeneration && repo.Status.ObservedGeneration > 0
}

// retire deletes a Job that has succeeded or is for another state of the GitRepo. It reports
// whether another one has to start.
func (g *gitjob) retire(ctx context.Context, repo *v1alpha1.GitRepo, job *batchv1.Job) (again bool, err error) {
	forced := repo.Spec.ForceSyncGeneration != repo.Status.UpdateGeneration && job.Labels[labelForced] != fmt.Sprint(repo.Spec.ForceSyncGeneration)
	changed := edited(repo) && job.Labels[labelGeneration] != fmt.Sprint(repo.Generation)
	if forced || changed || job.Status.Succeeded == 1 {
		err = client.IgnoreNotFound(g.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	}
	return forced || changed, err
}

// show writes the result of the Job into the status.
func (g *gitjob) show(ctx context.Context, repo *v1alpha1.GitRepo, job *batchv1.Job) error {
	status, complete := result(job)
	repo.Status.GitJobStatus = status
	conditions := &repo.Status.Conditions
	switch status {
	case failed:
		pods := &corev1.PodList{}
		if err := g.List(ctx, pods, client.InNamespace(job.Namespace), client.MatchingLabels{"job-name": job.Name}); err != nil {
			return err
		}
		message := "Job Failed. "
		for _, pod := range pods.Items {
			for _, c := range pod.Status.ContainerStatuses {
				if c.State.Terminated != nil {
					message += c.State.Terminated.Message
				}
			}
		}
		set(conditions, reconciling, corev1.ConditionFalse, "", "")
		set(conditions, stalled, corev1.ConditionTrue, stalled, message)
	case inProgress:
		set(conditions, reconciling, corev1.ConditionTrue, reconciling, "")
		set(conditions, stalled, corev1.ConditionFalse, "", "")
	default:
		if complete {
			repo.Status.Commit = job.Annotations["commit"]
		}
		set(conditions, reconciling, corev1.ConditionFalse, "", "")
		set(conditions, stalled, corev1.ConditionFalse, "", "")
	}
	return nil
}

// update writes the fields that belong to this controller, with the whole object.
func (g *gitjob) update(ctx context.Context, key types.NamespacedName, status *v1alpha1.GitRepoStatus) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live := &v1alpha1.GitRepo{}
		if err := g.Get(ctx, key, live); err != nil {
			return err
		}
		if status.Commit != "" {
			live.Status.Commit = status.Commit
		}
		live.Status.GitJobStatus = status.GitJobStatus
		live.Status.ObservedGeneration = status.ObservedGeneration
		live.Status.UpdateGeneration = status.UpdateGeneration
		live.Status.Conditions = ofOthers(live.Status.Conditions, status.Conditions)
		return g.Status().Update(ctx, live)
	})
}

// restrictions reads what may restrict a GitRepo.
func restrictions(ctx context.Context, c client.Reader, namespace string) error {
	if err := c.List(ctx, &v1alpha1.GitRepoRestrictionList{}, client.InNamespace(namespace)); err != nil {
		return err
	}
	return c.List(ctx, &v1alpha1.PolicyList{}, client.InNamespace(namespace))
}
