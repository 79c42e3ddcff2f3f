// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

var (
	// CoreScheme knows the types of the core API. It is separate from Scheme, so that they
	// do not mix with the group's.
	CoreScheme = newCoreScheme()
	// CoreCodecs encodes and decodes the types of CoreScheme.
	CoreCodecs = serializer.NewCodecFactory(CoreScheme)
)

// secretType is the only field of a Secret, besides its name and namespace, by which
// clients may select.
const secretType = "type"

func newCoreScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(scheme.SetVersionPriority(corev1.SchemeGroupVersion))
	// Patches and server-side apply work on the internal version. There is one version, so
	// its types are that version's.
	internal := schema.GroupVersion{Group: corev1.GroupName, Version: runtime.APIVersionInternal}
	scheme.AddKnownTypes(internal, &corev1.Secret{}, &corev1.SecretList{}, &corev1.ConfigMap{}, &corev1.ConfigMapList{})
	scheme.AddTypeDefaultingFunc(&corev1.Secret{}, func(object any) { defaultSecret(object.(*corev1.Secret)) })
	scheme.AddTypeDefaultingFunc(&corev1.SecretList{}, func(object any) {
		list := object.(*corev1.SecretList)
		for i := range list.Items {
			defaultSecret(&list.Items[i])
		}
	})
	utilruntime.Must(scheme.AddFieldLabelConversionFunc(corev1.SchemeGroupVersion.WithKind("Secret"), func(label, value string) (string, string, error) {
		switch label {
		case metav1.ObjectNameField, "metadata.namespace", secretType:
			return label, value, nil
		}
		return "", "", fmt.Errorf("field label not supported: %s", label)
	}))
	return scheme
}

// defaultSecret fills in the type. It moves stringData to data where clients' objects are
// read, so that managedFields name the field that is stored.
func defaultSecret(secret *corev1.Secret) {
	if secret.Type == "" {
		secret.Type = corev1.SecretTypeOpaque
	}
	if len(secret.StringData) > 0 && secret.Data == nil {
		secret.Data = make(map[string][]byte, len(secret.StringData))
	}
	for key, value := range secret.StringData {
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
}

func installCore(server *genericapiserver.GenericAPIServer, storage map[string]rest.Storage) error {
	group := genericapiserver.NewDefaultAPIGroupInfo(corev1.GroupName, CoreScheme, runtime.NewParameterCodec(CoreScheme), CoreCodecs)
	group.VersionedResourcesStorageMap[corev1.SchemeGroupVersion.Version] = storage
	return server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, &group)
}
