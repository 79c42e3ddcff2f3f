// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/musterfleet/muster/pkg/generated/openapi"
)

const openAPITitle = "Muster"

func openAPIv2() *common.Config {
	namer := newDefinitionNamer()
	config := genericapiserver.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, namer.DefinitionNamer)
	config.GetDefinitionName = namer.name
	config.Info.Title = openAPITitle
	config.PostProcessSpec = func(document *spec.Swagger) (*spec.Swagger, error) {
		for _, path := range document.Paths.Paths {
			if path.Patch != nil {
				// This is a copy: the slice belongs to the route, from which the other
				// document is also built.
				path.Patch.Consumes = slices.DeleteFunc(slices.Clone(path.Patch.Consumes), isStrategic)
			}
		}
		return document, nil
	}
	return config
}

func openAPIv3() *common.OpenAPIV3Config {
	namer := newDefinitionNamer()
	config := genericapiserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, namer.DefinitionNamer)
	config.GetDefinitionName = namer.name
	config.Info.Title = openAPITitle
	config.PostProcessSpec = func(document *spec3.OpenAPI) (*spec3.OpenAPI, error) {
		for _, path := range document.Paths.Paths {
			if path.Patch != nil && path.Patch.RequestBody != nil {
				delete(path.Patch.RequestBody.Content, string(types.StrategicMergePatchType))
			}
		}
		return document, nil
	}
	return config
}

// isStrategic reports whether withPatchTypes refuses a media type. The document must not
// offer it.
func isStrategic(mediaType string) bool { return mediaType == string(types.StrategicMergePatchType) }

// definitionNamer names models like upstream, but leaves out the internal version. Our
// types are registered under both versions, and a client that looks up a kind must not find
// "__internal".
type definitionNamer struct{ *apiopenapi.DefinitionNamer }

func newDefinitionNamer() definitionNamer {
	return definitionNamer{apiopenapi.NewDefinitionNamer(Scheme, CoreScheme)}
}

const kindsExtension = "x-kubernetes-group-version-kind"

func (n definitionNamer) name(model string) (string, spec.Extensions) {
	name, extensions := n.GetDefinitionName(model)
	kinds, _ := extensions[kindsExtension].([]any)
	external := slices.DeleteFunc(slices.Clone(kinds), func(kind any) bool {
		fields, ok := kind.(map[string]any)
		return ok && fields["version"] == runtime.APIVersionInternal
	})
	if len(external) == 0 {
		return name, nil
	}
	return name, spec.Extensions{kindsExtension: external}
}
