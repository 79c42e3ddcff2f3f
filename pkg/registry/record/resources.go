// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// resource handles the objects of one resource without reflection, because each request
// that reads objects copies them.
type resource struct {
	name string
	kind schema.GroupVersionKind
	make func() APIObject
	copy func(APIObject) APIObject
	into func(to runtime.Object, from APIObject)
	// status returns a pointer to an object's status, and setStatus copies one. Both are
	// nil if the objects have none.
	status    func(APIObject) any
	setStatus func(to, from APIObject)
}

// resources holds the resources whose records the log can hold. A BundleDeployment has no
// object record, only reports. byType holds the same resources by the type of their objects.
var (
	resources = map[string]*resource{}
	byType    = map[reflect.Type]*resource{}
)

func init() {
	add("bundles", func(o *v1alpha1.Bundle) *v1alpha1.BundleStatus { return &o.Status })
	add("bundledeployments", func(o *v1alpha1.BundleDeployment) *v1alpha1.BundleDeploymentStatus { return &o.Status })
	add[v1alpha1.BundleNamespaceMapping, struct{}]("bundlenamespacemappings", nil)
	add("clusters", func(o *v1alpha1.Cluster) *v1alpha1.ClusterStatus { return &o.Status })
	add("clustergroups", func(o *v1alpha1.ClusterGroup) *v1alpha1.ClusterGroupStatus { return &o.Status })
	add("clusterregistrations", func(o *v1alpha1.ClusterRegistration) *v1alpha1.ClusterRegistrationStatus { return &o.Status })
	add("clusterregistrationtokens", func(o *v1alpha1.ClusterRegistrationToken) *v1alpha1.ClusterRegistrationTokenStatus { return &o.Status })
	add("gitrepos", func(o *v1alpha1.GitRepo) *v1alpha1.GitRepoStatus { return &o.Status })
	add[v1alpha1.GitRepoRestriction, struct{}]("gitreporestrictions", nil)
	add("helmops", func(o *v1alpha1.HelmOp) *v1alpha1.HelmOpStatus { return &o.Status })
	add("imagescans", func(o *v1alpha1.ImageScan) *v1alpha1.ImageScanStatus { return &o.Status })
	add[v1alpha1.Policy, struct{}]("policies", nil)
	add("schedules", func(o *v1alpha1.Schedule) *v1alpha1.ScheduleStatus { return &o.Status })
}

// pointer is a pointer to T that is an API object.
type pointer[T any] interface {
	*T
	APIObject
}

func add[T, S any, P pointer[T]](name string, status func(*T) *S) {
	Add[T, S, P](name, v1alpha1.SchemeGroupVersion.WithKind(reflect.TypeFor[T]().Name()), status)
}

// Add lets the log hold records of one more resource. It must be called before the log is
// used. The group's resources are already present: Add is for tests of readers with kinds of
// their own.
func Add[T, S any, P pointer[T]](name string, kind schema.GroupVersionKind, status func(*T) *S) {
	r := &resource{
		name: name,
		kind: kind,
		make: func() APIObject { return P(new(T)) },
		copy: func(from APIObject) APIObject {
			to := *from.(P)
			return P(&to)
		},
		into: func(to runtime.Object, from APIObject) { *to.(P) = *from.(P) },
	}
	if status != nil {
		r.status = func(object APIObject) any { return status(object.(P)) }
		r.setStatus = func(to, from APIObject) { *status(to.(P)) = *status(from.(P)) }
	}
	resources[name], byType[reflect.TypeFor[P]()] = r, r
}

func of(object APIObject) *resource {
	r := byType[reflect.TypeOf(object)]
	if r == nil {
		panic(fmt.Sprintf("record: no resource has objects of type %T", object))
	}
	return r
}

// New returns an empty object of a resource.
func New(name string) (APIObject, error) {
	if r, ok := resources[name]; ok {
		return r.make(), nil
	}
	return nil, fmt.Errorf("unknown resource %q", name)
}

// NewLike returns an empty object of the same type.
func NewLike(object APIObject) APIObject { return of(object).make() }

// ResourceOf returns the resource of an object.
func ResourceOf(object APIObject) string { return of(object).name }

// KindOf returns the kind of a resource's objects, or an empty kind if the resource is
// unknown.
func KindOf(name string) schema.GroupVersionKind {
	if r, ok := resources[name]; ok {
		return r.kind
	}
	return schema.GroupVersionKind{}
}

// Copy returns a shallow copy of the object.
func Copy(object APIObject) APIObject { return of(object).copy(object) }

// Into copies an object into another one of its type. The copy is shallow.
func Into(to runtime.Object, from APIObject) { of(from).into(to, from) }

// HasStatus reports whether objects of this kind have a status.
func HasStatus(object APIObject) bool { return of(object).status != nil }

// SetStatus copies the status of an object into another one of its type. The copy is
// shallow. It does nothing if the kind has no status.
func SetStatus(to, from APIObject) {
	if set := of(to).setStatus; set != nil {
		set(to, from)
	}
}
