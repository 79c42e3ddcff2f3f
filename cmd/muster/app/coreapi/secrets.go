// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	apistorage "k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/names"

	"github.com/musterfleet/muster/pkg/registry/server"
)

func secretStore() *genericregistry.Store {
	strategy := secretStrategy{stored{server.CoreScheme, names.SimpleNameGenerator}}
	return &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return &corev1.Secret{} },
		NewListFunc:               func() runtime.Object { return &corev1.SecretList{} },
		DefaultQualifiedResource:  corev1.Resource("secrets"),
		SingularQualifiedResource: corev1.Resource("secret"),
		PredicateFunc:             selectSecrets,
		CreateStrategy:            strategy,
		UpdateStrategy:            strategy,
		DeleteStrategy:            strategy,
		TableConvertor:            secretTable,
	}
}

// secretAttributes returns the labels and fields by which Secrets are selected.
func secretAttributes(object runtime.Object) (labels.Set, fields.Set, error) {
	secret, ok := object.(*corev1.Secret)
	if !ok {
		return nil, nil, errors.New("not a Secret")
	}
	return secret.Labels, fields.Set{"metadata.name": secret.Name, "metadata.namespace": secret.Namespace, "type": string(secret.Type)}, nil
}

func selectSecrets(label labels.Selector, field fields.Selector) apistorage.SelectionPredicate {
	return apistorage.SelectionPredicate{Label: label, Field: field, GetAttrs: secretAttributes}
}

// secretStrategy treats Secrets as kube-apiserver does.
type secretStrategy struct{ stored }

// PrepareForCreate implements rest.RESTCreateStrategy. A patch may have set stringData after
// the defaults were filled in.
func (secretStrategy) PrepareForCreate(_ context.Context, object runtime.Object) {
	server.CoreScheme.Default(object)
}

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (secretStrategy) PrepareForUpdate(_ context.Context, object, _ runtime.Object) {
	server.CoreScheme.Default(object)
}

// Validate implements rest.RESTCreateStrategy.
func (secretStrategy) Validate(_ context.Context, object runtime.Object) field.ErrorList {
	return validateSecret(object.(*corev1.Secret))
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (secretStrategy) ValidateUpdate(_ context.Context, object, old runtime.Object) field.ErrorList {
	secret, was := object.(*corev1.Secret), old.(*corev1.Secret)
	all := validation.ValidateObjectMetaUpdate(&secret.ObjectMeta, &was.ObjectMeta, field.NewPath("metadata"))
	all = append(all, validation.ValidateImmutableField(secret.Type, was.Type, field.NewPath("type"))...)
	same := maps.EqualFunc(secret.Data, was.Data, slices.Equal[[]byte])
	all = append(all, validateImmutable(secret.Immutable, was.Immutable, map[string]bool{"data": same})...)
	return append(all, validateSecret(secret)...)
}

// validateSecret says what is wrong with a Secret.
func validateSecret(secret *corev1.Secret) field.ErrorList {
	all := validateMeta(&secret.ObjectMeta)
	data := field.NewPath("data")
	size := 0
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		all = append(all, validateKey(data, key)...)
		size += len(secret.Data[key])
	}
	if size > corev1.MaxSecretSize {
		all = append(all, field.TooLong(data, "", corev1.MaxSecretSize))
	}
	needs := func(key string) ([]byte, bool) {
		value, ok := secret.Data[key]
		if !ok {
			all = append(all, field.Required(data.Key(key), ""))
		}
		return value, ok
	}
	needsJSON := func(key string) {
		if value, ok := needs(key); ok && json.Unmarshal(value, &map[string]any{}) != nil {
			all = append(all, field.Invalid(data.Key(key), "<secret contents redacted>", "it is not a JSON object"))
		}
	}
	switch secret.Type {
	case corev1.SecretTypeServiceAccountToken:
		if secret.Annotations[corev1.ServiceAccountNameKey] == "" {
			all = append(all, field.Required(field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey), ""))
		}
	case corev1.SecretTypeDockercfg:
		needsJSON(corev1.DockerConfigKey)
	case corev1.SecretTypeDockerConfigJson:
		needsJSON(corev1.DockerConfigJsonKey)
	case corev1.SecretTypeBasicAuth:
		_, name := secret.Data[corev1.BasicAuthUsernameKey]
		_, password := secret.Data[corev1.BasicAuthPasswordKey]
		if !name && !password {
			all = append(all, field.Required(data.Key(corev1.BasicAuthUsernameKey), ""), field.Required(data.Key(corev1.BasicAuthPasswordKey), ""))
		}
	case corev1.SecretTypeSSHAuth:
		needs(corev1.SSHAuthPrivateKey)
	case corev1.SecretTypeTLS:
		needs(corev1.TLSCertKey)
		needs(corev1.TLSPrivateKeyKey)
	}
	return all
}
