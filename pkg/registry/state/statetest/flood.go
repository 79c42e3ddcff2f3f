// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package statetest

import (
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// FloodObjects is about as many objects as fit into a report.
const FloodObjects = 17_000

// Flood returns a GitRepo of as many Bundles, and a Cluster that all of them target.
func Flood(bundles int) []record.APIObject {
	repo := &v1alpha1.GitRepo{ObjectMeta: Meta("fleet", "r1")}
	repo.Spec.Repo = "https://example.com/x"
	out := []record.APIObject{Cluster("c1", map[string]string{"env": "prod"}), repo}
	for i := range bundles {
		b := Bundle(fmt.Sprintf("b%d", i), Where("env", "prod"))
		b.Labels = map[string]string{v1alpha1.LabelRepoName: "r1"}
		out = append(out, b)
	}
	return out
}

// Flooded returns the BundleDeployments of a view. Their statuses say that they are ready
// and list as many objects.
func Flooded(v *view.View, objects int) []*v1alpha1.BundleDeployment {
	var all []*v1alpha1.BundleDeployment
	for item := range v.All(record.BundleDeployments, record.Name{}) {
		bd := item.Render().(*v1alpha1.BundleDeployment)
		bd.Status = v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: bd.Spec.DeploymentID, Ready: true, NonModified: true}
		for i := range objects {
			bd.Status.Resources = append(bd.Status.Resources, v1alpha1.BundleDeploymentResource{
				Kind: "ConfigMap", APIVersion: "v1", Namespace: "d", Name: fmt.Sprintf("%s-%05d", bd.Name, i),
			})
		}
		all = append(all, bd)
	}
	return all
}
