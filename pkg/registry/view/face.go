// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"maps"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

// BundleFace holds the parts of a Bundle version that its BundleDeployments show.
type BundleFace struct {
	Bundle     *v1alpha1.Bundle
	ManifestID string
}

// ClusterFace holds the parts of a Cluster that its BundleDeployments show.
type ClusterFace struct {
	Cluster   *v1alpha1.Cluster
	Namespace string
}

// NewBundleFace returns the face of a Bundle with the given manifest.
func NewBundleFace(b *v1alpha1.Bundle, manifestID string) *BundleFace {
	face := &v1alpha1.Bundle{}
	face.Name, face.Namespace, face.UID = b.Name, b.Namespace, b.UID
	face.CreationTimestamp, face.Labels = b.CreationTimestamp, shownLabels(b, manifestID)
	face.Spec.Paused = b.Spec.Paused
	face.Spec.DependsOn = b.Spec.DependsOn
	face.Spec.ContentsID = b.Spec.ContentsID
	face.Spec.HelmOpOptions = b.Spec.HelmOpOptions
	// S 3.2: every BundleDeployment gets the labels and annotations of every entry. The
	// last entry wins.
	var all v1alpha1.BundleTarget
	for i := range b.Spec.Targets {
		all.NamespaceLabels = merged(all.NamespaceLabels, b.Spec.Targets[i].NamespaceLabels)
		all.NamespaceAnnotations = merged(all.NamespaceAnnotations, b.Spec.Targets[i].NamespaceAnnotations)
	}
	if all.NamespaceLabels != nil || all.NamespaceAnnotations != nil {
		face.Spec.Targets = []v1alpha1.BundleTarget{all}
	}
	return &BundleFace{Bundle: face, ManifestID: manifestID}
}

// shownLabels returns the labels of a Bundle that its BundleDeployments have too.
func shownLabels(b *v1alpha1.Bundle, manifestID string) map[string]string {
	shown := derive.BundleDeploymentLabels(b, &v1alpha1.Cluster{}, manifestID)
	maps.DeleteFunc(shown, func(key, value string) bool {
		own, ok := b.Labels[key]
		return !ok || own != value
	})
	return shown
}

// NewClusterFace returns the face of a Cluster. The namespace is the one for its
// BundleDeployments, and offSchedule says that the Cluster is off schedule (S 5.2).
func NewClusterFace(c *v1alpha1.Cluster, namespace string, offSchedule bool) *ClusterFace {
	face := &v1alpha1.Cluster{}
	face.Name, face.Namespace, face.UID = c.Name, c.Namespace, c.UID
	face.CreationTimestamp = c.CreationTimestamp
	face.Spec.Paused = c.Spec.Paused
	face.Status.Scheduled = offSchedule
	return &ClusterFace{Cluster: face, Namespace: namespace}
}

// merged adds more to labels and returns them. Nil labels stay nil if more is empty.
func merged(labels, more map[string]string) map[string]string {
	if labels == nil && len(more) > 0 {
		labels = map[string]string{}
	}
	maps.Copy(labels, more)
	return labels
}
