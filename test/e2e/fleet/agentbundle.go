// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1" //nolint:gosec // a label, as Fleet makes it
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

const (
	agentBundle = "fleet-agent"
	// agentSet names the set of objects that all agent Bundles of a Namespace are.
	agentSet = "fleet-manage-agent"
	// bootstrapSecret holds the values with which an agent registers.
	bootstrapSecret = "fleet-agent-bootstrap"
)

// Labels and annotations of Rancher's "apply", by which it finds what it wrote.
const (
	setPrefix    = "objectset.rio.cattle.io/"
	setID        = setPrefix + "id"
	setKind      = setPrefix + "owner-gvk"
	setName      = setPrefix + "owner-name"
	setNamespace = setPrefix + "owner-namespace"
	setHash      = setPrefix + "hash"
	setApplied   = setPrefix + "applied"
)

// agentBundles keeps a Bundle with the agent for each Cluster.
type agentBundles struct{ client.Client }

func addAgentBundles(m manager.Manager) error {
	a := &agentBundles{m.GetClient()}
	return builder.ControllerManagedBy(m).Named("manageagent").For(&corev1.Namespace{}).
		Watches(&v1alpha1.Cluster{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, cluster client.Object) []reconcile.Request {
			if a.Get(ctx, types.NamespacedName{Namespace: cluster.GetNamespace(), Name: names.SafeConcat(agentBundle, cluster.GetName())}, &v1alpha1.Bundle{}) == nil {
				return nil
			}
			return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: cluster.GetNamespace()}}}
		})).Complete(a)
}

// Reconcile writes the Bundles of a Namespace, and deletes those of Clusters that are gone.
func (a *agentBundles) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	home := &corev1.Namespace{}
	if err := a.Get(ctx, request.NamespacedName, home); err != nil || home.DeletionTimestamp != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	clusters := &v1alpha1.ClusterList{}
	if err := a.List(ctx, clusters, client.InNamespace(home.Name)); err != nil || len(clusters.Items) == 0 {
		return reconcile.Result{}, err
	}
	marks, label := marksOf(home.Name)
	wanted := map[string]bool{}
	for i := range clusters.Items {
		bundle := newAgentBundle(&clusters.Items[i])
		wanted[bundle.Name] = true
		bundle.Labels, bundle.Annotations = map[string]string{setHash: label}, maps.Clone(marks)
		if err := a.put(ctx, bundle); err != nil {
			return again(err)
		}
	}
	written := &v1alpha1.BundleList{}
	if err := a.List(ctx, written, client.InNamespace(home.Name), client.MatchingLabels{setHash: label}); err != nil {
		return reconcile.Result{}, err
	}
	for i := range written.Items {
		if !wanted[written.Items[i].Name] {
			if err := client.IgnoreNotFound(a.Delete(ctx, &written.Items[i])); err != nil {
				return reconcile.Result{}, err
			}
		}
	}
	return reconcile.Result{}, nil
}

// marksOf returns the annotations and the label of all agent Bundles of a Namespace.
func marksOf(namespace string) (map[string]string, string) {
	marks := map[string]string{setID: agentSet, setKind: "/v1, Kind=Namespace", setName: namespace, setNamespace: ""}
	return marks, sha1Of(marks[setID] + marks[setKind] + marks[setName] + marks[setNamespace])
}

func sha1Of(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec
	return hex.EncodeToString(sum[:])
}

// put creates a Bundle, or patches it where it differs from what was applied last.
func (a *agentBundles) put(ctx context.Context, bundle *v1alpha1.Bundle) error {
	applied, err := compressed(bundle)
	if err != nil {
		return err
	}
	bundle.Annotations[setApplied] = applied
	live := &v1alpha1.Bundle{}
	err = a.Get(ctx, client.ObjectKeyFromObject(bundle), live)
	if apierrors.IsNotFound(err) {
		return client.IgnoreAlreadyExists(a.Create(ctx, bundle))
	}
	if err != nil || live.Annotations[setApplied] == applied {
		return err
	}
	next := live.DeepCopy()
	next.Spec, next.Labels, next.Annotations = bundle.Spec, bundle.Labels, bundle.Annotations
	return a.Patch(ctx, next, client.MergeFrom(live))
}

func compressed(bundle *v1alpha1.Bundle) (string, error) {
	text, err := json.Marshal(bundle)
	if err != nil {
		return "", err
	}
	var to bytes.Buffer
	w := gzip.NewWriter(&to)
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	err = w.Close()
	return base64.RawStdEncoding.EncodeToString(to.Bytes()), err
}

// agentNamespace returns the Namespace of a Cluster's agent.
func agentNamespace(cluster *v1alpha1.Cluster) string {
	if cluster.Spec.AgentNamespace != "" {
		return cluster.Spec.AgentNamespace
	}
	return SystemNamespace
}

// newAgentBundle returns the Bundle of a Cluster's agent. In place of a Deployment, which no
// kubelet would run, it contains a ConfigMap.
func newAgentBundle(cluster *v1alpha1.Cluster) *v1alpha1.Bundle {
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: names.SafeConcat(agentBundle, cluster.Name)}}
	bundle.Spec.DefaultNamespace, bundle.Spec.Helm = agentNamespace(cluster), &v1alpha1.HelmOptions{TakeOwnership: true}
	bundle.Spec.Resources = []v1alpha1.BundleResource{{Name: "agent.yaml", Content: strings.Join([]string{
		"apiVersion: v1", "kind: ConfigMap", "metadata:", "  name: fleet-agent-settings", "  namespace: " + agentNamespace(cluster),
		"data:", "  checkinInterval: 15m0s", "",
	}, "\n")}}
	bundle.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{
		ClusterName: cluster.Name,
		ClusterSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "fleet.cattle.io/non-managed-agent", Operator: metav1.LabelSelectorOpDoesNotExist},
		}},
	}}}
	return bundle
}

// deployAgent writes into the cluster what an agent starts with.
func deployAgent(ctx context.Context, downstream client.Client, cluster *v1alpha1.Cluster, values []byte) error {
	at := agentNamespace(cluster)
	home := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: at}}
	if err := client.IgnoreAlreadyExists(downstream.Create(ctx, home)); err != nil {
		return err
	}
	for _, name := range []string{agentBundle, bootstrapSecret} {
		old := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: at, Name: name}}
		if err := client.IgnoreNotFound(downstream.Delete(ctx, old)); err != nil {
			return err
		}
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: at, Name: bootstrapSecret}}
	_, err := controllerutil.CreateOrUpdate(ctx, downstream, secret, func() error {
		secret.Data = map[string][]byte{"values": values, "clientID": []byte(cluster.Spec.ClientID)}
		return nil
	})
	return err
}
