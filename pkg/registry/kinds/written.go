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

// formOf points to how an object was written; nil for a kind that is only derived.
func formOf(obj runtime.Object) *schema.Form {
	if written, ok := obj.(v1alpha1.Written); ok {
		return written.Form()
	}
	return nil
}

// forgetStatus takes the status out of how an object was written: a write through the
// main resource does not touch it.
func forgetStatus(obj runtime.Object) {
	if form := formOf(obj); form != nil {
		*form, _ = form.Split("status")
	}
}

// statusRefusals are the part of an object's form that is about its status. It holds
// refusals only.
func statusRefusals(obj runtime.Object) schema.Form {
	form := formOf(obj)
	if form == nil {
		return ""
	}
	_, status := form.Split("status")
	return status
}

// withRefusals adds what the schema refuses to what the kind does. Each field is named
// once: what the kind says of it is the better text.
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
