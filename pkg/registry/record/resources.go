// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// resource is what objects a resource has.
type resource struct {
	kind schema.GroupVersionKind
	make func() APIObject
}

// resources are those that the log holds records of. A BundleDeployment has no object
// record, only reports.
var resources = map[string]resource{
	"bundles":                   of[v1alpha1.Bundle](),
	"bundledeployments":         of[v1alpha1.BundleDeployment](),
	"bundlenamespacemappings":   of[v1alpha1.BundleNamespaceMapping](),
	"clusters":                  of[v1alpha1.Cluster](),
	"clustergroups":             of[v1alpha1.ClusterGroup](),
	"clusterregistrations":      of[v1alpha1.ClusterRegistration](),
	"clusterregistrationtokens": of[v1alpha1.ClusterRegistrationToken](),
	"gitrepos":                  of[v1alpha1.GitRepo](),
	"gitreporestrictions":       of[v1alpha1.GitRepoRestriction](),
	"helmops":                   of[v1alpha1.HelmOp](),
	"imagescans":                of[v1alpha1.ImageScan](),
	"policies":                  of[v1alpha1.Policy](),
	"schedules":                 of[v1alpha1.Schedule](),
}

func of[T any, P interface {
	*T
	APIObject
}]() resource {
	return resource{
		kind: v1alpha1.SchemeGroupVersion.WithKind(reflect.TypeFor[T]().Name()),
		make: func() APIObject { return P(new(T)) },
	}
}

// Add lets the log hold records of one more resource, before anything uses it. That
// of the group are there already: this is for kinds that others test readers with.
func Add(name string, kind schema.GroupVersionKind, empty func() APIObject) {
	resources[name] = resource{kind, empty}
}

// New returns an empty object of a resource.
func New(name string) (APIObject, error) {
	if r, ok := resources[name]; ok {
		return r.make(), nil
	}
	return nil, fmt.Errorf("unknown resource %q", name)
}

// KindOf is the kind of a resource's objects, empty if there is no such resource.
func KindOf(name string) schema.GroupVersionKind { return resources[name].kind }
