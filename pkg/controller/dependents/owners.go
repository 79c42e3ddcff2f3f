// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package dependents

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// owning are the resources whose objects may own Secrets and ConfigMaps.
var owning = []string{
	record.Bundles, record.BundleDeployments, record.Clusters, record.ClusterGroups, record.GitRepos, record.HelmOps,
	"clusterregistrations", "clusterregistrationtokens", "imagescans", "schedules",
}

// resourceOf returns the resource of an owner; "" if it is not one that is known here.
func resourceOf(owner metav1.OwnerReference) string {
	gv, err := schema.ParseGroupVersion(owner.APIVersion)
	if err != nil || gv.Group != v1alpha1.SchemeGroupVersion.Group {
		return ""
	}
	for _, resource := range owning {
		if record.KindOf(resource).Kind == owner.Kind {
			return resource
		}
	}
	return ""
}

// gone reports whether a view shows that there were owners and none exists any more.
func gone(v *view.View, namespace string, owners []metav1.OwnerReference) bool {
	for _, owner := range owners {
		resource := resourceOf(owner)
		if resource == "" {
			return false
		}
		if item := v.Get(resource, record.Name{Namespace: namespace, Name: owner.Name}); item != nil && uidOf(item) == owner.UID {
			return false
		}
	}
	return len(owners) > 0
}

func uidOf(item view.Item) types.UID {
	switch item := item.(type) {
	case *view.Object:
		return item.Record.Object.GetUID()
	case *view.BundleDeployment:
		return derive.IdentityUID(item.Bundle.Bundle.UID, item.Cluster.Cluster.UID)
	}
	return ""
}
