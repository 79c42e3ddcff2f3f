// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// kubelet runs the Pods of git Jobs: each is one run of "fleet apply", with a token of the
// Pod's account and no other right.
type kubelet struct {
	client.Client
	remote  *Remote
	journal *Journal
	// server is the address of kube-apiserver, without credentials.
	server *rest.Config
}

func addKubelet(m manager.Manager, k *kubelet) error {
	k.Client = m.GetClient()
	return builder.ControllerManagedBy(m).Named("kubelet").
		For(&corev1.Pod{}, builder.WithPredicates(predicate.Funcs{
			UpdateFunc: func(event.UpdateEvent) bool { return false },
			DeleteFunc: func(event.DeleteEvent) bool { return false },
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).Complete(k)
}

// Reconcile runs a Pod to its end.
func (k *kubelet) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	pod := &corev1.Pod{}
	if err := k.Get(ctx, request.NamespacedName, pod); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if pod.Labels["job-name"] == "" || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return reconcile.Result{}, nil
	}
	before := pod.DeepCopy()
	ended := corev1.ContainerStateTerminated{Reason: "Completed", FinishedAt: metav1.Now()}
	pod.Status.Phase = corev1.PodSucceeded
	if err := k.run(ctx, pod); err != nil {
		if errors.Is(err, context.Canceled) {
			return reconcile.Result{}, nil
		}
		pod.Status.Phase, ended.Reason, ended.ExitCode, ended.Message = corev1.PodFailed, "Error", 1, err.Error()
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "fleet", State: corev1.ContainerState{Terminated: &ended}}}
	return reconcile.Result{}, client.IgnoreNotFound(k.Status().Patch(ctx, pod, client.MergeFrom(before)))
}

// errBroken is a failure that the commit asks for.
var errBroken = errors.New("fleet apply failed")

func (k *kubelet) run(ctx context.Context, pod *corev1.Pod) error {
	request := &authenticationv1.TokenRequest{}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Spec.ServiceAccountName}}
	if err := k.SubResource("token").Create(ctx, account, request); err != nil {
		return err
	}
	if err := k.awaitRights(ctx, pod); err != nil {
		return err
	}
	container := pod.Spec.Containers[0]
	var commit string
	for _, variable := range container.Env {
		if variable.Name == commitVariable {
			commit = variable.Value
		}
	}
	config := &corev1.ConfigMap{}
	if err := k.Get(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: pod.Spec.Volumes[0].ConfigMap.Name}, config); err != nil {
		return err
	}
	content, err := k.remote.Fetch(pod.Spec.InitContainers[0].Args[2])
	if err != nil {
		return err
	}
	if content.Broken != "" {
		return errors.Join(errBroken, errors.New(content.Broken))
	}
	mine := k.journal.Watch("fleet apply", k.server)
	mine.BearerToken = request.Status.Token
	const name = 4 // of the arguments
	a, err := newApply(mine, pod.Namespace, container.Args[name], commit, config.BinaryData[targetsKey])
	if err != nil {
		return err
	}
	return a.run(ctx, content.Folders)
}

// awaitRights waits until kube-apiserver knows the binding of the account. A real Pod takes
// longer to start.
func (k *kubelet) awaitRights(ctx context.Context, pod *corev1.Pod) error {
	for {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + pod.Namespace + ":" + pod.Spec.ServiceAccountName,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: pod.Namespace, Verb: "list", Group: v1alpha1.GroupName, Resource: "bundles"},
		}}
		if err := k.Create(ctx, review); err != nil {
			return err
		}
		if review.Status.Allowed {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// again asks for another try after a conflict, and keeps other errors.
func again(err error) (reconcile.Result, error) {
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: statusDelay}, nil
	}
	return reconcile.Result{}, client.IgnoreNotFound(err)
}
