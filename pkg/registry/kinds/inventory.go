// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/apis/fleet/validation"
)

// All returns the kinds of the group, ordered by Kind. The slice is the caller's.
func All() []*Kind { return slices.Clone(inventory) }

// ByResource returns the kind with that plural, or nil.
func ByResource(plural string) *Kind { return byResource[plural] }

var byResource = func() map[string]*Kind {
	m := make(map[string]*Kind, len(inventory))
	for _, k := range inventory {
		m[k.Plural] = k
	}
	return m
}()

// inventory is the table of S 1.1. The columns are in inventory_columns.go.
var inventory = []*Kind{
	define(Kind{
		Plural: "bundles", Singular: "bundle", Kind: "Bundle",
		Namespaced: true, StatusEndpoint: true, Columns: bundleColumns,
	}, hooks[*v1alpha1.Bundle, v1alpha1.BundleStatus]{
		list:     func() runtime.Object { return &v1alpha1.BundleList{} },
		status:   func(o *v1alpha1.Bundle) *v1alpha1.BundleStatus { return &o.Status },
		validate: validation.ValidateBundle,
		warnings: validation.WarnBundle,
	}),
	define(Kind{
		Plural: "bundledeployments", Singular: "bundledeployment", Kind: "BundleDeployment",
		Namespaced: true, Computed: true, StatusEndpoint: true, Columns: bundleDeploymentColumns,
	}, hooks[*v1alpha1.BundleDeployment, v1alpha1.BundleDeploymentStatus]{
		list:   func() runtime.Object { return &v1alpha1.BundleDeploymentList{} },
		status: func(o *v1alpha1.BundleDeployment) *v1alpha1.BundleDeploymentStatus { return &o.Status },
	}),
	define(Kind{
		Plural: "bundlenamespacemappings", Singular: "bundlenamespacemapping", Kind: "BundleNamespaceMapping",
		Namespaced: true, StatusEndpoint: true,
	}, hooks[*v1alpha1.BundleNamespaceMapping, none]{
		list:     func() runtime.Object { return &v1alpha1.BundleNamespaceMappingList{} },
		warnings: validation.WarnBundleNamespaceMapping,
	}),
	define(Kind{
		Plural: "clusters", Singular: "cluster", Kind: "Cluster",
		Namespaced: true, StatusEndpoint: true, Columns: clusterColumns,
	}, hooks[*v1alpha1.Cluster, v1alpha1.ClusterStatus]{
		list:           func() runtime.Object { return &v1alpha1.ClusterList{} },
		status:         func(o *v1alpha1.Cluster) *v1alpha1.ClusterStatus { return &o.Status },
		validate:       validation.ValidateCluster,
		validateStatus: validation.ValidateClusterStatus,
		normalize:      normalizeCluster,
	}),
	define(Kind{
		Plural: "clustergroups", Singular: "clustergroup", Kind: "ClusterGroup",
		Namespaced: true, StatusEndpoint: true, Categories: []string{"fleet"}, Columns: clusterGroupColumns,
	}, hooks[*v1alpha1.ClusterGroup, v1alpha1.ClusterGroupStatus]{
		list:     func() runtime.Object { return &v1alpha1.ClusterGroupList{} },
		status:   func(o *v1alpha1.ClusterGroup) *v1alpha1.ClusterGroupStatus { return &o.Status },
		warnings: validation.WarnClusterGroup,
	}),
	define(Kind{
		Plural: "clusterregistrations", Singular: "clusterregistration", Kind: "ClusterRegistration",
		Namespaced: true, StatusEndpoint: true, Columns: clusterRegistrationColumns,
	}, hooks[*v1alpha1.ClusterRegistration, v1alpha1.ClusterRegistrationStatus]{
		list:     func() runtime.Object { return &v1alpha1.ClusterRegistrationList{} },
		status:   func(o *v1alpha1.ClusterRegistration) *v1alpha1.ClusterRegistrationStatus { return &o.Status },
		warnings: validation.WarnClusterRegistration,
	}),
	define(Kind{
		Plural: "clusterregistrationtokens", Singular: "clusterregistrationtoken", Kind: "ClusterRegistrationToken",
		Namespaced: true, StatusEndpoint: true, Columns: clusterRegistrationTokenColumns,
	}, hooks[*v1alpha1.ClusterRegistrationToken, v1alpha1.ClusterRegistrationTokenStatus]{
		list:     func() runtime.Object { return &v1alpha1.ClusterRegistrationTokenList{} },
		status:   func(o *v1alpha1.ClusterRegistrationToken) *v1alpha1.ClusterRegistrationTokenStatus { return &o.Status },
		validate: validation.ValidateClusterRegistrationToken,
	}),
	define(Kind{
		Plural: "contents", Singular: "content", Kind: "Content",
		StatusEndpoint: true,
	}, hooks[*v1alpha1.Content, v1alpha1.ContentStatus]{
		list:   func() runtime.Object { return &v1alpha1.ContentList{} },
		status: func(o *v1alpha1.Content) *v1alpha1.ContentStatus { return &o.Status },
	}),
	define(Kind{
		Plural: "gitrepos", Singular: "gitrepo", Kind: "GitRepo",
		Namespaced: true, StatusEndpoint: true, Categories: []string{"fleet"}, Columns: gitRepoColumns,
	}, hooks[*v1alpha1.GitRepo, v1alpha1.GitRepoStatus]{
		list:     func() runtime.Object { return &v1alpha1.GitRepoList{} },
		status:   func(o *v1alpha1.GitRepo) *v1alpha1.GitRepoStatus { return &o.Status },
		validate: validation.ValidateGitRepo,
		warnings: validation.WarnGitRepo,
	}),
	define(Kind{
		Plural: "gitreporestrictions", Singular: "gitreporestriction", Kind: "GitRepoRestriction",
		Namespaced: true, StatusEndpoint: true, Columns: gitRepoRestrictionColumns,
	}, hooks[*v1alpha1.GitRepoRestriction, none]{
		list:     func() runtime.Object { return &v1alpha1.GitRepoRestrictionList{} },
		warnings: validation.WarnGitRepoRestriction,
	}),
	define(Kind{
		Plural: "helmops", Singular: "helmop", Kind: "HelmOp",
		Namespaced: true, StatusEndpoint: true, Categories: []string{"fleet"}, Columns: helmOpColumns,
	}, hooks[*v1alpha1.HelmOp, v1alpha1.HelmOpStatus]{
		list:     func() runtime.Object { return &v1alpha1.HelmOpList{} },
		status:   func(o *v1alpha1.HelmOp) *v1alpha1.HelmOpStatus { return &o.Status },
		validate: validation.ValidateHelmOp,
		warnings: validation.WarnHelmOp,
	}),
	define(Kind{
		Plural: "imagescans", Singular: "imagescan", Kind: "ImageScan",
		Namespaced: true, StatusEndpoint: true, Columns: imageScanColumns,
	}, hooks[*v1alpha1.ImageScan, v1alpha1.ImageScanStatus]{
		list:     func() runtime.Object { return &v1alpha1.ImageScanList{} },
		status:   func(o *v1alpha1.ImageScan) *v1alpha1.ImageScanStatus { return &o.Status },
		validate: validation.ValidateImageScan,
		warnings: validation.WarnImageScan,
	}),
	define(Kind{
		Plural: "policies", Singular: "policy", Kind: "Policy",
		Namespaced: true,
	}, hooks[*v1alpha1.Policy, none]{
		list:     func() runtime.Object { return &v1alpha1.PolicyList{} },
		warnings: validation.WarnPolicy,
	}),
	define(Kind{
		Plural: "schedules", Singular: "schedule", Kind: "Schedule",
		Namespaced: true, StatusEndpoint: true, Columns: scheduleColumns,
	}, hooks[*v1alpha1.Schedule, v1alpha1.ScheduleStatus]{
		list:     func() runtime.Object { return &v1alpha1.ScheduleList{} },
		status:   func(o *v1alpha1.Schedule) *v1alpha1.ScheduleStatus { return &o.Status },
		validate: validation.ValidateSchedule,
		warnings: validation.WarnSchedule,
	}),
}
