// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	releasecommon "helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// Annotations of the chart in a release.
const (
	annotationBundle = "fleet.cattle.io/bundle-id"
	annotationAgent  = "fleet.cattle.io/agent-namespace"
	annotationKeep   = "fleet.cattle.io/keep-resources"
)

// Release describes the newest revision of a release that an agent has made.
type Release struct {
	// Bundle is the name of the BundleDeployment.
	Bundle string
	// Namespace and Name identify the release.
	Namespace, Name string
	// Revision counts the deployments under that name.
	Revision int
	// Deployed is false if the revision failed, or was cut short.
	Deployed bool
	// Keep says that the objects remain when the release is uninstalled.
	Keep bool
	// Manifest holds the rendered objects.
	Manifest string
}

// String returns the release's name in a report (S 9.7).
func (r *Release) String() string { return fmt.Sprintf("%s/%s:%d", r.Namespace, r.Name, r.Revision) }

// Key returns where the release of a BundleDeployment belongs (S 9.7).
func Key(name string, options *v1alpha1.BundleDeploymentOptions) (namespace, releaseName string) {
	namespace = cmp.Or(options.TargetNamespace, options.DefaultNamespace, "default")
	if options.Helm != nil && options.Helm.ReleaseName != "" {
		return namespace, options.Helm.ReleaseName
	}
	return namespace, names.HelmReleaseName(name)
}

// Releases returns the releases that this agent has made, in all namespaces.
func (d *Deployer) Releases(context.Context) ([]*Release, error) {
	config, err := d.configuration("")
	if err != nil {
		return nil, err
	}
	all, err := config.Releases.ListReleases()
	if err != nil {
		return nil, fmt.Errorf("listing releases: %w", err)
	}
	newest := map[string]*Release{}
	for _, each := range all {
		found, ok := each.(*release.Release)
		if !ok {
			continue
		}
		r := d.own(found)
		if r == nil || found.Info.Status == releasecommon.StatusUninstalled {
			continue
		}
		key := r.Namespace + "/" + r.Name
		if was := newest[key]; was == nil || was.Revision < r.Revision {
			newest[key] = r
		}
	}
	return slices.SortedFunc(maps.Values(newest), func(a, b *Release) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	}), nil
}

// own returns the release if this agent has made it, otherwise nil.
func (d *Deployer) own(found *release.Release) *Release {
	if found.Chart == nil || found.Chart.Metadata == nil || found.Info == nil {
		return nil
	}
	notes := found.Chart.Metadata.Annotations
	if notes[annotationAgent] != d.agent || notes[annotationBundle] == "" {
		return nil
	}
	return &Release{
		Bundle: notes[annotationBundle], Namespace: found.Namespace, Name: found.Name, Revision: found.Version,
		Deployed: found.Info.Status == releasecommon.StatusDeployed, Keep: notes[annotationKeep] == "true", Manifest: found.Manifest,
	}
}
