// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// cluster makes the namespace of one Cluster (S 8.1). Package clustercleanup removes it after the
// Cluster.
func (c *Controller) cluster(ctx context.Context, key ownership.Owner) error {
	v, err := c.Fleet.Current()
	if err != nil {
		return err
	}
	if found := clusterIn(v, key.Name); found != nil {
		return c.ensureClusterNamespace(ctx, found)
	}
	return nil
}

// ensureClusterNamespace makes the namespace of a Cluster, unless another controller manages the
// Cluster. A namespace that exists is left as it is. One that cannot exist is not tried: the
// Cluster's Ready condition says what is wrong.
func (c *Controller) ensureClusterNamespace(ctx context.Context, cluster *v1alpha1.Cluster) error {
	if !hasPlace(cluster) || cluster.DeletionTimestamp != nil || cluster.Labels[v1alpha1.LabelClusterManagement] != "" {
		return nil
	}
	return c.ensureNamespace(ctx, clusterNamespace(cluster))
}

// hasPlace reports whether a Cluster has a namespace in which it can have BundleDeployments.
func hasPlace(cluster *v1alpha1.Cluster) bool {
	namespace := cluster.Status.Namespace
	return namespace != "" && derive.BarredCluster(cluster.Name, namespace) == ""
}

func (c *Controller) ensureNamespace(ctx context.Context, want *corev1.Namespace) error {
	if wrong := validation.IsDNS1123Label(want.Name); len(wrong) > 0 {
		return impossible(fmt.Sprintf("no Namespace can be called %q: %s; register the cluster by another name", want.Name, wrong[0]))
	}
	return c.owned.EnsureNamespace(ctx, want)
}

func clusterNamespace(cluster *v1alpha1.Cluster) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   cluster.Status.Namespace,
		Labels: map[string]string{v1alpha1.LabelManaged: "true"},
		Annotations: map[string]string{
			ownership.Annotation:           ownership.Mark(record.Clusters, cluster),
			v1alpha1.LabelClusterNamespace: cluster.Namespace,
			v1alpha1.LabelCluster:          cluster.Name,
		},
	}}
}

// clusterIn renders a Cluster of a view; nil if it does not exist. The caller must not modify
// it.
func clusterIn(v *view.View, name record.Name) *v1alpha1.Cluster {
	item := v.Get(record.Clusters, name)
	if item == nil {
		return nil
	}
	return item.Render().(*v1alpha1.Cluster)
}

func terminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
