// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/storage/names"
)

// stored is the part of a strategy that Secrets and ConfigMaps share.
type stored struct {
	runtime.ObjectTyper
	names.NameGenerator
}

// NamespaceScoped implements rest.RESTCreateStrategy.
func (stored) NamespaceScoped() bool { return true }

// Canonicalize implements rest.RESTCreateStrategy.
func (stored) Canonicalize(runtime.Object) {}

// WarningsOnCreate implements rest.RESTCreateStrategy.
func (stored) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }

// WarningsOnUpdate implements rest.RESTUpdateStrategy.
func (stored) WarningsOnUpdate(_ context.Context, _, _ runtime.Object) []string { return nil }

// AllowCreateOnUpdate implements rest.RESTUpdateStrategy.
func (stored) AllowCreateOnUpdate(context.Context) bool { return false }

// AllowUnconditionalUpdate implements rest.RESTUpdateStrategy. Fleet's CLI updates values
// Secrets without a resourceVersion.
func (stored) AllowUnconditionalUpdate(context.Context) bool { return true }

func validateMeta(object *metav1.ObjectMeta) field.ErrorList {
	return validation.ValidateObjectMeta(object, true, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
}

func validateKey(at *field.Path, key string) (all field.ErrorList) {
	for _, wrong := range utilvalidation.IsConfigMapKey(key) {
		all = append(all, field.Invalid(at.Key(key), key, wrong))
	}
	return all
}

// validateImmutable says what changed of an immutable object. same has for each field whether
// it is unchanged.
func validateImmutable(now, was *bool, same map[string]bool) (all field.ErrorList) {
	const message = "field is immutable when `immutable` is set"
	if was == nil || !*was {
		return nil
	}
	if now == nil || !*now {
		all = append(all, field.Forbidden(field.NewPath("immutable"), message))
	}
	for _, name := range slices.Sorted(maps.Keys(same)) {
		if !same[name] {
			all = append(all, field.Forbidden(field.NewPath(name), message))
		}
	}
	return all
}
