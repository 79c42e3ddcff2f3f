// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Two kinds of Bundles and Clusters have no pairs, whatever targets them:
//
//	ending   metadata.deletionTimestamp is set. Their BundleDeployments, pins,
//	         promotions and reports end with that write, not only with the deletion,
//	         because finalizers may wait for the uninstall. S 2.7 does not apply.
//	barred   no BundleDeployment of theirs could be valid (derive.BarredBundle,
//	         derive.BarredCluster). The Ready condition says why.
//
// A pair that does not exist does not count as unavailable, so it does not hold up a roll-out.

// ending reports whether an object is being deleted and waits for its finalizers.
func ending(object metav1.Object) bool { return object.GetDeletionTimestamp() != nil }

// barsAll reports whether a Bundle may target nothing, in any version.
func barsAll(b *v1alpha1.Bundle) bool { return ending(b) || derive.BarredBundle(b.Name) != "" }

// absent reports whether no Bundle may target a cluster.
func (c *subject) absent() bool { return c.barred != "" || ending(c.object) }

// placement returns the namespace for BundleDeployments of a Cluster (S 8.1). If the Cluster
// can have no BundleDeployments, it returns no namespace, and the reason. A namespace that a
// client has set comes first, then a pinned one, then the one that follows from the name,
// unless another system manages the Cluster.
func placement(reported, pinned string, object metav1.Object) (namespace, barred string) {
	switch {
	case reported != "":
		namespace = reported
	case pinned != "":
		namespace = pinned
	case object.GetLabels()[v1alpha1.LabelClusterManagement] == "":
		namespace = names.ClusterNamespace(object.GetNamespace(), object.GetName())
	}
	if barred = derive.BarredCluster(object.GetName(), namespace); barred != "" {
		namespace = ""
	}
	return namespace, barred
}

// placementOf returns the placement of a stored Cluster.
func placementOf(object *view.Object) (namespace, barred string) {
	return placement(reportOn(object).Namespace, object.Record.Namespace, object.Record.Object)
}

// placementAs returns the placement of a Cluster as a planned write would make it.
func (s *State) placementAs(name record.Name, object *v1alpha1.Cluster) (namespace, barred string) {
	var reported, pinned string
	if now := s.object(record.Clusters, name); now != nil && now.Record.Object.GetUID() == object.UID {
		reported, pinned = reportOn(now).Namespace, now.Record.Namespace
	}
	return placement(reported, pinned, object)
}

// noteBarred notes, and reports, whether a cluster is barred that a bundle's newest version
// targets.
func (s *State) noteBarred(b *bundle, c *cluster) bool {
	is := c.barred != "" && !ending(c.object) && b.newest.targets != nil && s.inScope(b, c.name.Namespace)
	if is {
		_, is = b.newest.targets.Resolve(c.targeting)
	}
	if is && b.barred == nil {
		b.barred = map[*cluster]struct{}{}
	}
	setMember(b.barred, c, is)
	return is
}

// barredFailure returns the text of a bundle's Ready condition if its own name, or that of
// the first barred cluster that it targets, can have no BundleDeployment; "" otherwise.
func (b *bundle) barredFailure() string {
	if why := derive.BarredBundle(b.name.Name); why != "" {
		return why
	}
	if len(b.barred) == 0 {
		return ""
	}
	c := slices.MinFunc(slices.Collect(maps.Keys(b.barred)), (*cluster).compare)
	return "Cluster " + c.name.String() + ": " + c.barred
}
