// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/apis/fleet"
)

// GroupName is the API group of the types in this package.
const GroupName = fleet.GroupName

// SchemeGroupVersion is the group and version of the types in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

// internalGroupVersion is the hub: the version that the apiserver machinery decodes to and
// stores from.
var internalGroupVersion = schema.GroupVersion{Group: GroupName, Version: runtime.APIVersionInternal}

var (
	// SchemeBuilder collects the functions that AddToScheme runs.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes, addDefaultingFuncs)

	localSchemeBuilder = &SchemeBuilder

	// AddToScheme registers the types and their defaults, for clients.
	AddToScheme = localSchemeBuilder.AddToScheme
)

// AddHubToScheme registers the same Go types under the internal version too, for servers.
// The internal version is the hub that the apiserver machinery converts through. Only one
// external version exists, so an internal copy would be a thousand lines that say the same,
// and a conversion that does nothing. A client must not call it: controller-runtime refuses
// a type that has two kinds.
//
// It has a trap. Where a conversion would make a new object, an encoder sets apiVersion and
// kind in the object that it is given, and removes them afterwards. So a caller must give
// the machinery a copy of an object that other goroutines read; a shallow copy of the
// struct is enough.
func AddHubToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(internalGroupVersion, allKinds()...)
	return nil
}

// Kind qualifies a kind with the group.
func Kind(kind string) schema.GroupKind {
	return SchemeGroupVersion.WithKind(kind).GroupKind()
}

// Resource qualifies a resource (plural, lower case) with the group.
func Resource(resource string) schema.GroupResource {
	return SchemeGroupVersion.WithResource(resource).GroupResource()
}

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, allKinds()...)
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}

func allKinds() []runtime.Object {
	return []runtime.Object{
		&Bundle{}, &BundleList{},
		&BundleDeployment{}, &BundleDeploymentList{},
		&BundleNamespaceMapping{}, &BundleNamespaceMappingList{},
		&Cluster{}, &ClusterList{},
		&ClusterGroup{}, &ClusterGroupList{},
		&ClusterRegistration{}, &ClusterRegistrationList{},
		&ClusterRegistrationToken{}, &ClusterRegistrationTokenList{},
		&Content{}, &ContentList{},
		&GitRepo{}, &GitRepoList{},
		&GitRepoRestriction{}, &GitRepoRestrictionList{},
		&HelmOp{}, &HelmOpList{},
		&ImageScan{}, &ImageScanList{},
		&Policy{}, &PolicyList{},
		&Schedule{}, &ScheduleList{},
	}
}
