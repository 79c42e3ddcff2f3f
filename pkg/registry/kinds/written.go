// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// formOf returns a pointer to how an object was written, nil for a kind that is only
// derived.
func formOf(obj runtime.Object) *schema.Form {
	if written, ok := obj.(v1alpha1.Written); ok {
		return written.Form()
	}
	return nil
}

// forgetStatus removes the status from how an object was written: a write through the main
// resource does not touch it.
func forgetStatus(obj runtime.Object) {
	if form := formOf(obj); form != nil {
		*form, _ = form.Split("status")
	}
}

// statusRefusals returns the part of an object's form that is about its status. It holds
// only refusals.
func statusRefusals(obj runtime.Object) schema.Form {
	form := formOf(obj)
	if form == nil {
		return ""
	}
	_, status := form.Split("status")
	return status
}

// withRefusals adds the errors of the schema to those of the kind. Each field is named
// once, because the text of the kind is the better one.
func withRefusals(invalid field.ErrorList, obj runtime.Object) field.ErrorList {
	form := formOf(obj)
	if form == nil {
		return invalid
	}
	for _, refusal := range form.Refusals() {
		if !slices.ContainsFunc(invalid, func(e *field.Error) bool { return e.Field == refusal.Field }) {
			invalid = append(invalid, refusal)
		}
	}
	return invalid
}
