// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/storage/names"

	"github.com/musterfleet/muster/pkg/registry/server"
)

func configMapStore() *genericregistry.Store {
	strategy := configMapStrategy{stored{server.CoreScheme, names.SimpleNameGenerator}}
	return &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return &corev1.ConfigMap{} },
		NewListFunc:               func() runtime.Object { return &corev1.ConfigMapList{} },
		DefaultQualifiedResource:  corev1.Resource("configmaps"),
		SingularQualifiedResource: corev1.Resource("configmap"),
		CreateStrategy:            strategy,
		UpdateStrategy:            strategy,
		DeleteStrategy:            strategy,
		TableConvertor:            configMapTable,
	}
}

// configMapStrategy treats ConfigMaps as kube-apiserver does.
type configMapStrategy struct{ stored }

// PrepareForCreate implements rest.RESTCreateStrategy.
func (configMapStrategy) PrepareForCreate(context.Context, runtime.Object) {}

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (configMapStrategy) PrepareForUpdate(_ context.Context, _, _ runtime.Object) {}

// Validate implements rest.RESTCreateStrategy.
func (configMapStrategy) Validate(_ context.Context, object runtime.Object) field.ErrorList {
	return validateConfigMap(object.(*corev1.ConfigMap))
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (configMapStrategy) ValidateUpdate(_ context.Context, object, old runtime.Object) field.ErrorList {
	config, was := object.(*corev1.ConfigMap), old.(*corev1.ConfigMap)
	all := validation.ValidateObjectMetaUpdate(&config.ObjectMeta, &was.ObjectMeta, field.NewPath("metadata"))
	all = append(all, validateImmutable(config.Immutable, was.Immutable, map[string]bool{
		"data":       maps.Equal(config.Data, was.Data),
		"binaryData": maps.EqualFunc(config.BinaryData, was.BinaryData, slices.Equal[[]byte]),
	})...)
	return append(all, validateConfigMap(config)...)
}

// validateConfigMap says what is wrong with a ConfigMap. Its data may be as large as a
// Secret's.
func validateConfigMap(config *corev1.ConfigMap) field.ErrorList {
	all := validateMeta(&config.ObjectMeta)
	size := 0
	for _, key := range slices.Sorted(maps.Keys(config.Data)) {
		all = append(all, validateKey(field.NewPath("data"), key)...)
		if _, twice := config.BinaryData[key]; twice {
			all = append(all, field.Invalid(field.NewPath("data").Key(key), key, "binaryData has this key, too"))
		}
		size += len(config.Data[key])
	}
	for _, key := range slices.Sorted(maps.Keys(config.BinaryData)) {
		all = append(all, validateKey(field.NewPath("binaryData"), key)...)
		size += len(config.BinaryData[key])
	}
	if size > corev1.MaxSecretSize {
		all = append(all, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	return all
}
