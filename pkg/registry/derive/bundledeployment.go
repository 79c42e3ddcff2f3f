// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"cmp"
	"maps"
	"strconv"
	"strings"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// Inputs holds everything from which a BundleDeployment is built.
type Inputs struct {
	// Bundle is the version in force. Its resources are not needed.
	Bundle  *v1alpha1.Bundle
	Cluster *v1alpha1.Cluster
	// ClusterNamespace is the namespace of the Cluster's BundleDeployments.
	ClusterNamespace string
	// ManifestID is the effective manifest ID of the newest version.
	ManifestID string
	// Content is the promoted content.
	Content *Content
	// Staged is the staged content, nil if it equals the promoted one.
	Staged *Content
	// Computed is what the version in force means on this Cluster, nil if it equals the
	// promoted content. The BundleDeployment shows the parts of it that cannot be held
	// back.
	Computed *Content
	// Report is what the agent wrote last, nil if it has written nothing yet.
	Report              *v1alpha1.BundleDeploymentStatus
	ReportManagedFields []metav1.ManagedFieldsEntry
	// Downstream counts the changes of the copies that the options name in
	// downstreamResources (S 4.7).
	Downstream int64
	// Waiting says that the agent has to wait for the copies that are meant for it.
	Waiting bool
	// Version is the resourceVersion: when the object last changed.
	Version int64
}

// BundleDeployment returns the object. It shares everything behind a pointer with the
// inputs, so the caller must copy it before changing it.
func BundleDeployment(in Inputs) *v1alpha1.BundleDeployment {
	bd := &v1alpha1.BundleDeployment{}
	FillBundleDeployment(bd, in)
	return bd
}

var apiVersion = v1alpha1.SchemeGroupVersion.String()

// FillBundleDeployment builds the object in place, over an empty one.
func FillBundleDeployment(bd *v1alpha1.BundleDeployment, in Inputs) {
	*bd = v1alpha1.BundleDeployment{
		TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: "BundleDeployment"},
		ObjectMeta: metav1.ObjectMeta{
			Name:              in.Bundle.Name,
			Namespace:         in.ClusterNamespace,
			UID:               IdentityUID(in.Bundle.UID, in.Cluster.UID),
			ResourceVersion:   strconv.FormatInt(in.Version, 10),
			CreationTimestamp: later(in.Bundle.CreationTimestamp, in.Cluster.CreationTimestamp),
			Labels:            BundleDeploymentLabels(in.Bundle, in.Cluster, in.ManifestID),
			ManagedFields:     in.ReportManagedFields,
		},
	}
	fillSpec(&bd.Spec, in)
	bd.Generation = generation(&bd.Spec, in.Content, in.staged())
	if in.Report != nil {
		bd.Status = *in.Report
	}
	bd.Status.Display = reports.Display(&bd.Spec, &bd.Status)
}

// Generation returns the generation of the object without building the rest of it.
func Generation(in Inputs) int64 {
	var spec v1alpha1.BundleDeploymentSpec
	fillSpec(&spec, in)
	return generation(&spec, in.Content, in.staged())
}

// BundleDeploymentLabels returns the labels of a Bundle's BundleDeployment on a
// Cluster (S 5.1).
func BundleDeploymentLabels(bundle *v1alpha1.Bundle, cluster *v1alpha1.Cluster, manifestID string) map[string]string {
	labels := make(map[string]string, len(bundle.Labels)+6)
	for key, value := range bundle.Labels {
		if !isForeign(key) || strings.HasPrefix(key, "fleet.cattle.io/") {
			labels[key] = value
		}
	}
	labels[v1alpha1.LabelBundleName] = bundle.Name
	labels[v1alpha1.LabelBundleNamespace] = bundle.Namespace
	labels[v1alpha1.LabelManaged] = "true"
	labels[v1alpha1.LabelCluster] = cluster.Name
	labels[v1alpha1.LabelClusterNamespace] = cluster.Namespace
	if _, hasContent := EffectiveManifestID(&bundle.Spec, manifestID); hasContent {
		labels[v1alpha1.LabelContentName] = manifestID
	}
	return labels
}

// identities is the UUID namespace of IdentityUID.
var identities = uuid.MustParse("6b4f7c53-9a0e-5d7b-8d53-0e6f1c2a9b41")

// IdentityUID returns the UID of the BundleDeployment of a Bundle on a Cluster. It belongs
// to this pair for ever: owner references to it stay valid across restarts, and end with
// the Bundle or the Cluster.
func IdentityUID(bundleUID, clusterUID types.UID) types.UID {
	return types.UID(Identity(bundleUID, clusterUID).String())
}

// Identity returns the IdentityUID in its cheapest and smallest form.
func Identity(bundleUID, clusterUID types.UID) uuid.UUID {
	return uuidOf(identities, string(bundleUID)+"/"+string(clusterUID))
}

func later(a, b metav1.Time) metav1.Time {
	if a.Before(&b) {
		return b
	}
	return a
}

func (in *Inputs) staged() *Content { return cmp.Or(in.Staged, in.Content) }

// fillSpec follows S 5.2.
func fillSpec(spec *v1alpha1.BundleDeploymentSpec, in Inputs) {
	bundle, cluster := &in.Bundle.Spec, in.Cluster
	spec.Options, spec.DeploymentID = shownOptions(in.Content, bundle.Targets), in.Content.DeploymentID
	spec.StagedOptions, spec.StagedDeploymentID = spec.Options, spec.DeploymentID
	if staged := in.staged(); staged != in.Content {
		spec.StagedOptions, spec.StagedDeploymentID = shownOptions(staged, bundle.Targets), staged.DeploymentID
	}
	spec.Paused = bundle.Paused || cluster.Spec.Paused
	spec.OffSchedule = cluster.Status.Scheduled && !cluster.Status.ActiveSchedule
	spec.DependsOn = bundle.DependsOn
	spec.CorrectDrift = cmp.Or(in.Computed, in.Content).Options.CorrectDrift
	_, hasContent := EffectiveManifestID(bundle, in.ManifestID)
	spec.OCIContents = !hasContent && bundle.HelmOpOptions == nil
	spec.HelmChartOptions = bundle.HelmOpOptions
	spec.DownstreamResourcesGeneration, spec.WaitingForValues = in.Downstream, in.Waiting
}

// shownOptions returns the options of a content with the labels and annotations of all
// targets (S 3.2).
func shownOptions(content *Content, targets []v1alpha1.BundleTarget) v1alpha1.BundleDeploymentOptions {
	out := content.Options
	out.NamespaceLabels = withTargets(out.NamespaceLabels, targets,
		func(t *v1alpha1.BundleTarget) map[string]string { return t.NamespaceLabels })
	out.NamespaceAnnotations = withTargets(out.NamespaceAnnotations, targets,
		func(t *v1alpha1.BundleTarget) map[string]string { return t.NamespaceAnnotations })
	return out
}

// withTargets adds the entries of every target, whether it matches or not (S 3.2). They are
// not part of the hash, so they cause no redeployment.
func withTargets(base map[string]string, targets []v1alpha1.BundleTarget, of func(*v1alpha1.BundleTarget) map[string]string) map[string]string {
	var all map[string]string
	for i := range targets {
		more := of(&targets[i])
		if len(more) == 0 {
			continue
		}
		if all == nil {
			all = make(map[string]string, len(base)+len(more))
			maps.Copy(all, base)
		}
		maps.Copy(all, more)
	}
	if all == nil {
		return base
	}
	return all
}
