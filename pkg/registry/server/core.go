// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// coreScheme knows the types of the core API. It is separate from Scheme, so that they do
// not mix with the group's.
var coreScheme = newCoreScheme()

func newCoreScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(scheme.SetVersionPriority(corev1.SchemeGroupVersion))
	return scheme
}

func installCore(server *genericapiserver.GenericAPIServer, storage map[string]rest.Storage) error {
	codecs := serializer.NewCodecFactory(coreScheme)
	group := genericapiserver.NewDefaultAPIGroupInfo(corev1.GroupName, coreScheme, runtime.NewParameterCodec(coreScheme), codecs)
	group.VersionedResourcesStorageMap[corev1.SchemeGroupVersion.Version] = storage
	return server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, &group)
}
