// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Kind is one row of the table: everything that the registry has to know about a kind. A
// Kind is immutable. Its functions panic on an object of another kind.
type Kind struct {
	// Plural is the resource's name in paths: "bundledeployments".
	Plural string
	// Singular is the lower-case kind: "bundledeployment".
	Singular string
	// Kind is the name in an object's kind field: "BundleDeployment".
	Kind string
	// Namespaced is false only for Content.
	Namespaced bool
	// Computed is true for a kind that is derived, so that clients cannot create, change or
	// delete it through its main resource: BundleDeployment.
	Computed bool
	// StatusEndpoint says whether the kind has a /status endpoint. BundleNamespaceMapping
	// and GitRepoRestriction have one although they have no status (S 1.1).
	StatusEndpoint bool
	// Categories are the names that "kubectl get" accepts besides the resource's own:
	// "fleet".
	Categories []string
	// Columns follow the column NAME in table output. A kind without its own columns shows
	// the age.
	Columns []Column

	// New returns an empty object, NewList an empty list.
	New, NewList func() runtime.Object
	// Status returns a pointer to the object's status. It is nil if the kind has none.
	Status func(runtime.Object) any
	// Validate returns what makes an object invalid (S 1.2). It ignores metadata and never
	// changes the object.
	Validate func(runtime.Object) field.ErrorList
	// ValidateStatus returns what makes an object's status invalid.
	ValidateStatus func(runtime.Object) field.ErrorList
	// Warnings returns what is accepted but cannot work as written.
	Warnings func(runtime.Object) []string

	// normalize changes what a client wrote into what Fleet's controllers would store instead.
	normalize   func(obj runtime.Object)
	clearStatus func(obj runtime.Object)
	keepStatus  func(obj, old runtime.Object)
	// keepAllButStatus gives obj everything of old except its status.
	keepAllButStatus func(obj, old runtime.Object)
	// sameSpec reports whether two objects differ at most in metadata and status.
	sameSpec func(a, b runtime.Object) bool
	// members are the JSON names of the object's top-level members, except apiVersion,
	// kind, metadata and status.
	members []string
}

// GroupResource returns the kind's resource in the API group.
func (k *Kind) GroupResource() schema.GroupResource { return v1alpha1.Resource(k.Plural) }

// SingularGroupResource returns the kind's singular name in the API group.
func (k *Kind) SingularGroupResource() schema.GroupResource { return v1alpha1.Resource(k.Singular) }

// GroupVersionKind returns the kind with its group and its only version.
func (k *Kind) GroupVersionKind() schema.GroupVersionKind {
	return v1alpha1.SchemeGroupVersion.WithKind(k.Kind)
}

// object is a pointer to an API type.
type object[T any] interface {
	*T
	runtime.Object
	metav1.ObjectMetaAccessor
}

// none is the status type of a kind without a status.
type none struct{}

// hooks are the functions of a kind that need its Go type. All except list may be nil.
type hooks[P, S any] struct {
	list           func() runtime.Object
	status         func(P) *S
	validate       func(P) field.ErrorList
	validateStatus func(P) field.ErrorList
	warnings       func(P) []string
	normalize      func(P)
}

// define completes a row with the functions that are the same for every kind, so that no
// status can be forgotten or copied in a second way.
func define[T, S any, P object[T]](row Kind, h hooks[P, S]) *Kind {
	row.New = func() runtime.Object { return P(new(T)) }
	row.NewList = h.list
	row.members = topLevelMembers[T]()
	row.Validate, row.ValidateStatus, row.Warnings = untyped(h.validate), untyped(h.validateStatus), untyped(h.warnings)
	row.normalize = func(runtime.Object) {}
	if h.normalize != nil {
		row.normalize = func(obj runtime.Object) { h.normalize(obj.(P)) }
	}
	row.clearStatus = func(runtime.Object) {}
	row.keepStatus = func(_, _ runtime.Object) {}
	row.keepAllButStatus = func(obj, old runtime.Object) { *obj.(P) = *old.(P) }
	if h.status != nil {
		row.Status = func(obj runtime.Object) any { return h.status(obj.(P)) }
		row.clearStatus = func(obj runtime.Object) { *h.status(obj.(P)) = *new(S) }
		row.keepStatus = func(obj, old runtime.Object) { *h.status(obj.(P)) = *h.status(old.(P)) }
		row.keepAllButStatus = func(obj, old runtime.Object) {
			status := *h.status(obj.(P))
			*obj.(P) = *old.(P)
			*h.status(obj.(P)) = status
		}
	}
	row.sameSpec = func(a, b runtime.Object) bool {
		return equality.Semantic.DeepEqual(specOnly(a.(P), h.status), specOnly(b.(P), h.status))
	}
	return &row
}

// untyped returns a hook for any object, which returns nothing if the kind has no such hook.
func untyped[P runtime.Object, R any](hook func(P) R) func(runtime.Object) R {
	if hook == nil {
		return func(runtime.Object) (nothing R) { return nothing }
	}
	return func(obj runtime.Object) R { return hook(obj.(P)) }
}

// specOnly returns a shallow copy of the object with empty metadata and status.
func specOnly[T, S any, P object[T]](obj P, status func(P) *S) P {
	c := P(new(T))
	*c = *obj
	*objectMeta(c) = metav1.ObjectMeta{}
	c.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	if status != nil {
		*status(c) = *new(S)
	}
	return c
}

// objectMeta returns the object's metadata as a struct, so that it can be copied as a
// whole. One setter for each field would miss the next field that metav1 adds.
func objectMeta(obj runtime.Object) *metav1.ObjectMeta {
	return obj.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)
}
