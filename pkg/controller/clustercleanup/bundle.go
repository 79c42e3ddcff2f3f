// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercleanup

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// agentmanagement applies all its Bundles of a namespace as one object set, with this annotation
// (S 8.5).
const (
	objectSet      = "objectset.rio.cattle.io/id"
	agentObjectSet = "fleet-manage-agent"
)

// removeBundle removes the Bundle that agentmanagement made for the agent of a Cluster.
func (c *Controller) removeBundle(ctx context.Context, v *view.View, cluster record.Name) error {
	b := agentBundle(v, cluster)
	if b == nil {
		return nil
	}
	err := c.Client.FleetV1alpha1().Bundles(b.Namespace).Delete(ctx, b.Name, *metav1.NewPreconditionDeleteOptions(string(b.UID)))
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil // it is gone, or another one has its name
	case err != nil:
		return err
	}
	klog.InfoS("Removed the Bundle of the agent of a deleted Cluster", "bundle", klog.KObj(b), "cluster", cluster)
	return nil
}

// agentBundle returns the Bundle that agentmanagement made for the agent of a Cluster; nil if
// none exists, or if the one of that name is another. A Bundle that is being deleted counts as
// none.
func agentBundle(v *view.View, cluster record.Name) *v1alpha1.Bundle {
	name := record.Name{Namespace: cluster.Namespace, Name: names.SafeConcat("fleet-agent", cluster.Name)}
	object, ok := v.Get(record.Bundles, name).(*view.Object)
	if !ok {
		return nil
	}
	b := object.Record.Object.(*v1alpha1.Bundle)
	if b.Annotations[objectSet] != agentObjectSet || b.DeletionTimestamp != nil ||
		len(b.Spec.Targets) != 1 || b.Spec.Targets[0].ClusterName != cluster.Name {
		return nil
	}
	return b
}
