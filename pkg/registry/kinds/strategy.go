// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"context"

	metav1validation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/musterfleet/muster/pkg/apis/fleet/validation"
)

var (
	_ rest.CreateUpdateResetFieldsStrategy = Strategy{}
	_ rest.RESTDeleteStrategy              = Strategy{}
)

// Strategy says how an object is written through the kind's main resource.
type Strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	kind *Kind
}

// Strategy returns the kind's strategy for its main resource. The typer is the server's
// scheme.
func (k *Kind) Strategy(typer runtime.ObjectTyper) Strategy {
	return Strategy{ObjectTyper: typer, NameGenerator: names.SimpleNameGenerator, kind: k}
}

// NamespaceScoped reports whether objects of the kind live in a namespace.
func (s Strategy) NamespaceScoped() bool { return s.kind.Namespaced }

// AllowCreateOnUpdate returns false: a PUT to a name that does not exist gets 404, as with
// a CRD.
func (Strategy) AllowCreateOnUpdate(context.Context) bool { return false }

// AllowUnconditionalUpdate returns false: a PUT without a resourceVersion gets 422, as with
// a CRD.
func (Strategy) AllowUnconditionalUpdate(context.Context) bool { return false }

// Canonicalize changes nothing: clients read what was written.
func (Strategy) Canonicalize(runtime.Object) {}

// PrepareForCreate sets the generation to 1 and drops a status that the client sent
// (S 1.2).
func (s Strategy) PrepareForCreate(_ context.Context, obj runtime.Object) {
	s.kind.clearStatus(obj)
	forgetStatus(obj)
	s.kind.normalize(obj)
	objectMeta(obj).Generation = 1
}

// PrepareForUpdate keeps the old status, and increments the generation if anything outside
// metadata and status has changed (S 1.2), including how it is written. It discharges the
// finalizers of an object that is being deleted.
func (s Strategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	s.kind.keepStatus(obj, old)
	forgetStatus(obj)
	s.kind.normalize(obj)
	if objectMeta(old).DeletionTimestamp != nil {
		Discharge(objectMeta(obj))
	}
	generation := objectMeta(old).Generation
	if !s.kind.sameSpec(obj, old) {
		generation++
	}
	objectMeta(obj).Generation = generation
}

// Validate checks a new object: its name, the demands of the schema, and those of the kind
// itself. The REST layer checks only that a name is valid in a path.
func (s Strategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	errs := metav1validation.ValidateObjectMetaAccessor(objectMeta(obj), s.kind.Namespaced, metav1validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	errs = append(errs, validateLastApplied(objectMeta(obj))...)
	return append(errs, withRefusals(s.kind.Validate(obj), obj)...)
}

// ValidateUpdate checks what has changed. A value that was already invalid does not block
// the update, as with a CRD. The REST layer has already checked the metadata; for example,
// finalizers may only be removed from an object that is being deleted.
func (s Strategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	errs := validateLastApplied(objectMeta(obj))
	invalid := s.kind.Validate(obj)
	if len(invalid) > 0 {
		invalid = validation.Ratchet(invalid, s.kind.Validate(old))
	}
	return append(errs, withRefusals(invalid, obj)...)
}

// WarningsOnCreate returns what is accepted but cannot work.
func (s Strategy) WarningsOnCreate(_ context.Context, obj runtime.Object) []string {
	return append(warnName(obj), s.kind.Warnings(obj)...)
}

// WarningsOnUpdate returns what is accepted but cannot work. A client that edits only
// metadata, for example to add a finalizer, gets no warning about a spec of another writer.
func (s Strategy) WarningsOnUpdate(_ context.Context, obj, old runtime.Object) []string {
	if objectMeta(obj).Generation == objectMeta(old).Generation {
		return nil
	}
	return s.kind.Warnings(obj)
}

// GetResetFields returns the members that server-side apply must not assign to a writer
// through the main resource.
func (s Strategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if !s.kind.StatusEndpoint {
		return nil
	}
	return resetFields("status")
}
