// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/musterfleet/muster/pkg/apis/fleet/validation"
)

var (
	_ rest.UpdateResetFieldsStrategy = StatusStrategy{}
	_ rest.RESTDeleteStrategy        = StatusStrategy{}
)

// StatusStrategy says how an object is written through /status: only the status changes,
// and managedFields, which record the writer.
type StatusStrategy struct {
	runtime.ObjectTyper
	kind *Kind
}

// StatusStrategy returns the kind's strategy for its /status endpoint. The typer is the
// server's scheme.
func (k *Kind) StatusStrategy(typer runtime.ObjectTyper) StatusStrategy {
	return StatusStrategy{ObjectTyper: typer, kind: k}
}

// NamespaceScoped reports whether objects of the kind live in a namespace.
func (s StatusStrategy) NamespaceScoped() bool { return s.kind.Namespaced }

// AllowCreateOnUpdate returns false: a status needs an object.
func (StatusStrategy) AllowCreateOnUpdate(context.Context) bool { return false }

// AllowUnconditionalUpdate returns false, as on the main resource.
func (StatusStrategy) AllowUnconditionalUpdate(context.Context) bool { return false }

// Canonicalize changes nothing.
func (StatusStrategy) Canonicalize(runtime.Object) {}

// PrepareForUpdate takes everything except the status from the old object. It shares parts
// of old instead of copying them: a report must not cost a copy of the spec, and no later
// step writes into them. Two identities remain as sent, so that the checks after this one
// see them: resourceVersion and uid. So a report is refused if its object has since been
// replaced by one with the same name.
//
// A kind without a status has nothing that could be written here (S 1.1), so the whole
// object is the old one.
func (s StatusStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	sent, refused := *objectMeta(obj), statusRefusals(obj)
	s.kind.keepAllButStatus(obj, old)
	if refused != "" {
		*formOf(obj) = refused
	}
	kept := objectMeta(obj)
	kept.ResourceVersion = sent.ResourceVersion
	if sent.UID != "" {
		kept.UID = sent.UID
	}
	if s.kind.Status != nil {
		kept.ManagedFields = sent.ManagedFields
	}
}

// ValidateUpdate checks what has changed, as on the main resource.
func (s StatusStrategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	invalid := s.kind.ValidateStatus(obj)
	if len(invalid) > 0 {
		invalid = validation.Ratchet(invalid, s.kind.ValidateStatus(old))
	}
	return withRefusals(invalid, obj)
}

// WarningsOnUpdate returns none: the writer of a status did not write the spec.
func (StatusStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// GetResetFields returns the members that server-side apply must not assign to a writer
// through /status: all except the status. Resetting metadata as a whole does not affect
// managedFields, because no manager ever owns that member.
func (s StatusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	reset := append([]string{"metadata"}, s.kind.members...)
	if s.kind.Status == nil {
		reset = append(reset, "status")
	}
	return resetFields(reset...)
}
