// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// Settings are those of the ConfigMap fleet-controller.
type Settings struct {
	// APIServerURL and APIServerCA lead agents to kube-apiserver.
	APIServerURL string
	APIServerCA  []byte
}

// management imports Clusters, and gives agents their rights.
type management struct {
	client.Client
	settings Settings
}

func addAgentmanagement(m manager.Manager, settings Settings) error {
	a := &management{m.GetClient(), settings}
	if err := m.Add(manager.RunnableFunc(a.bootstrap)); err != nil {
		return err
	}
	// Three handlers of Clusters, each with a condition of its own.
	for _, h := range []struct {
		condition string
		handle    func(context.Context, *v1alpha1.Cluster) error
	}{{processed, a.home}, {imported, a.bring}, {reconciled, a.settle}} {
		b := builder.ControllerManagedBy(m).Named("cluster-" + h.condition).For(&v1alpha1.Cluster{}).
			WithOptions(controller.Options{MaxConcurrentReconciles: 5})
		if h.condition == processed {
			b = b.Watches(&v1alpha1.BundleDeployment{}, handler.EnqueueRequestsFromMapFunc(a.clusterOf))
		}
		if err := b.Complete(a.handler(h.condition, h.handle)); err != nil {
			return err
		}
	}
	if err := addAgentBundles(m); err != nil {
		return err
	}
	return addRegistration(m, a)
}

// handler returns a handler of Clusters. It writes the whole object if its status or
// condition has changed.
func (a *management) handler(condition string, handle func(context.Context, *v1alpha1.Cluster) error) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		cluster := &v1alpha1.Cluster{}
		err := a.Get(ctx, request.NamespacedName, cluster)
		if apierrors.IsNotFound(err) && condition == processed {
			return reconcile.Result{}, a.leave(ctx, request)
		}
		if err != nil || cluster.DeletionTimestamp != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		before, err := json.Marshal(cluster.Status)
		if err != nil {
			return reconcile.Result{}, err
		}
		wrong := handle(ctx, cluster)
		if apierrors.IsConflict(wrong) {
			return again(wrong)
		}
		setError(&cluster.Status.Conditions, condition, wrong)
		after, err := json.Marshal(cluster.Status)
		if err != nil {
			return reconcile.Result{}, err
		}
		if string(before) == string(after) {
			return reconcile.Result{}, wrong
		}
		if wrong != nil {
			return reconcile.Result{}, wrong
		}
		return again(a.Status().Update(ctx, cluster))
	})
}

// clusterOf maps a BundleDeployment to its Cluster, as its Namespace says.
func (a *management) clusterOf(ctx context.Context, bd client.Object) []reconcile.Request {
	home := &corev1.Namespace{}
	if err := a.Get(ctx, types.NamespacedName{Name: bd.GetNamespace()}, home); err != nil || home.Annotations[v1alpha1.LabelCluster] == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{
		Namespace: home.Annotations[v1alpha1.LabelClusterNamespace], Name: home.Annotations[v1alpha1.LabelCluster],
	}}}
}

// home gives a Cluster its Namespace.
func (a *management) home(ctx context.Context, cluster *v1alpha1.Cluster) error {
	if cluster.Status.Namespace == "" {
		cluster.Status.Namespace = names.ClusterNamespace(cluster.Namespace, cluster.Name)
	}
	err := a.Get(ctx, types.NamespacedName{Name: cluster.Status.Namespace}, &corev1.Namespace{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	err = a.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: cluster.Status.Namespace, Labels: map[string]string{v1alpha1.LabelManaged: "true"},
		Annotations: map[string]string{v1alpha1.LabelClusterNamespace: cluster.Namespace, v1alpha1.LabelCluster: cluster.Name},
	}})
	return client.IgnoreAlreadyExists(err)
}

// leave removes the Namespace of a Cluster that is gone.
func (a *management) leave(ctx context.Context, request reconcile.Request) error {
	home := &corev1.Namespace{}
	if err := a.Get(ctx, types.NamespacedName{Name: names.ClusterNamespace(request.Namespace, request.Name)}, home); err != nil {
		return client.IgnoreNotFound(err)
	}
	return client.IgnoreNotFound(a.Delete(ctx, home))
}

func deployed(cluster *v1alpha1.Cluster) bool {
	s := &cluster.Status
	return !s.AgentConfigChanged && s.AgentMigrated && s.CattleNamespaceMigrated && s.AgentNamespaceMigrated &&
		s.AgentDeployedGeneration != nil && *s.AgentDeployedGeneration == cluster.Spec.RedeployAgentGeneration &&
		(cluster.Spec.AgentNamespace == "" || s.Agent.Namespace == cluster.Spec.AgentNamespace)
}

// tokenTTL is how long an import token is valid.
const tokenTTL = "12h"

// bring deploys the agent into a Cluster whose kubeconfig it has.
func (a *management) bring(ctx context.Context, cluster *v1alpha1.Cluster) error {
	if cluster.Spec.KubeConfigSecret == "" || deployed(cluster) {
		return nil
	}
	if cluster.Spec.ClientID == "" {
		// The condition is not written: the update causes another event.
		cluster.Spec.ClientID = rand.Text()
		return a.Update(ctx, cluster)
	}
	secret := &corev1.Secret{}
	at := cluster.Spec.KubeConfigSecretNamespace
	if at == "" {
		at = cluster.Namespace
	}
	if err := a.Get(ctx, types.NamespacedName{Namespace: at, Name: cluster.Spec.KubeConfigSecret}, secret); err != nil {
		return err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(secret.Data["value"])
	if err != nil {
		return err
	}
	downstream, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	token := &v1alpha1.ClusterRegistrationToken{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: names.SafeConcat("import-token-" + cluster.Name)}}
	err = a.Get(ctx, client.ObjectKeyFromObject(token), token)
	if apierrors.IsNotFound(err) {
		token.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Cluster", Name: cluster.Name, UID: cluster.UID}}
		token.Spec.TTL = new(v1alpha1.Duration(tokenTTL))
		err = client.IgnoreAlreadyExists(a.Create(ctx, token))
	}
	if err != nil {
		return err
	}
	values := &corev1.Secret{}
	if err := a.awaitSecret(ctx, client.ObjectKeyFromObject(token), "values", values); err != nil {
		return err
	}
	if cluster.Status.Agent.Namespace != cluster.Spec.AgentNamespace || !cluster.Status.AgentNamespaceMigrated {
		old := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: names.SafeConcat(agentBundle, cluster.Name)}}
		if err := client.IgnoreNotFound(a.Delete(ctx, old)); err != nil {
			return err
		}
	}
	if err := deployAgent(ctx, downstream, cluster, values.Data["values"]); err != nil {
		return err
	}
	s := &cluster.Status
	s.AgentDeployedGeneration = new(cluster.Spec.RedeployAgentGeneration)
	s.AgentMigrated, s.CattleNamespaceMigrated, s.AgentNamespaceMigrated, s.AgentConfigChanged = true, true, true, false
	s.Agent = v1alpha1.AgentStatus{Namespace: cluster.Spec.AgentNamespace}
	s.APIServerURL, s.AgentTLSMode, s.GarbageCollectionInterval = a.settings.APIServerURL, "system-store", new(v1alpha1.Duration("15m0s"))
	s.APIServerCAHash, err = hash(a.settings.APIServerCA)
	return err
}

// awaitSecret waits for a key of a Secret that another handler or controller fills.
func (a *management) awaitSecret(ctx context.Context, at types.NamespacedName, key string, secret *corev1.Secret) error {
	for range 200 {
		if err := client.IgnoreNotFound(a.Get(ctx, at, secret)); err != nil || len(secret.Data[key]) > 0 {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("failed to look up key %s of secret %s", key, at)
}

// settle keeps the hashes of an agent's settings.
func (a *management) settle(_ context.Context, cluster *v1alpha1.Cluster) error {
	s, changed := &cluster.Status, false
	for _, part := range []struct {
		value any
		set   bool
		to    *string
	}{
		{cluster.Spec.AgentEnvVars, len(cluster.Spec.AgentEnvVars) > 0, &s.AgentEnvVarsHash},
		{cluster.Spec.AgentAffinity, cluster.Spec.AgentAffinity != nil, &s.AgentAffinityHash},
		{cluster.Spec.AgentResources, cluster.Spec.AgentResources != nil, &s.AgentResourcesHash},
		{cluster.Spec.AgentTolerations, len(cluster.Spec.AgentTolerations) > 0, &s.AgentTolerationsHash},
		{cluster.Spec.AgentSchedulingCustomization, cluster.Spec.AgentSchedulingCustomization != nil, &s.AgentSchedulingCustomizationHash},
	} {
		is := ""
		if part.set {
			var err error
			if is, err = hash(part.value); err != nil {
				return err
			}
		}
		if *part.to != is {
			*part.to, changed = is, true
		}
	}
	if s.AgentPrivateRepoURL != cluster.Spec.PrivateRepoURL {
		s.AgentPrivateRepoURL, changed = cluster.Spec.PrivateRepoURL, true
	}
	if changed {
		s.AgentConfigChanged = true
	}
	return nil
}

func hash(value any) (string, error) {
	text, err := json.Marshal(value)
	sum := sha256.Sum224(text)
	return hex.EncodeToString(sum[:]), err
}
