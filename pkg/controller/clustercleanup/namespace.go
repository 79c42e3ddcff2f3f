// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercleanup

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// belongs reports whether a namespace may be removed after a Cluster. The right to write labels
// and annotations is enough to forge a mark, and is not the right to delete a namespace. So the
// name has to be the one that follows from the Cluster's (S 8.1).
func (c *Controller) belongs(t ownership.Object, o ownership.Owner, _ types.UID) bool {
	return t.Resource == ownership.Namespaces && o.Resource == record.Clusters &&
		t.GetName() == names.ClusterNamespace(o.Name.Namespace, o.Name.Name) && !c.isSystem(t.GetName())
}

// isSystem reports whether a namespace must never be removed with a Cluster, whatever its name.
func (c *Controller) isSystem(namespace string) bool {
	return namespace == metav1.NamespaceDefault || strings.HasPrefix(namespace, "kube-") || slices.Contains(c.Kept, namespace)
}

// unused returns the namespaces in which no other Cluster has its BundleDeployments.
func unused(v *view.View, was ownership.Owner, left []ownership.Object) []ownership.Object {
	return slices.DeleteFunc(left, func(t ownership.Object) bool {
		user := clusterWith(v, t.GetName())
		if user != nil {
			klog.InfoS("A namespace stays without its Cluster: another Cluster uses it", "namespace", t.GetName(), "was", was.Name, "is", user.Name())
		}
		return user != nil
	})
}

// clusterWith returns a Cluster whose BundleDeployments are in a namespace; nil if none has it.
// It looks at all Clusters.
func clusterWith(v *view.View, namespace string) view.Item {
	for item := range v.All(record.Clusters, record.Name{}) {
		if object, ok := item.(*view.Object); ok && object.Derived.Namespace == namespace {
			return item
		}
	}
	return nil
}
