// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command models-schema prints the OpenAPI definitions of the API as a Swagger 2
// document. hack/ci/update-codegen.sh feeds it to applyconfiguration-gen, which
// embeds what it needs to extract, from an object, the fields that one manager
// owns.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/util"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/openapi"
)

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "models-schema:", err)
		os.Exit(1)
	}
}

func write(w io.Writer) error {
	reference := func(model string) spec.Ref {
		return spec.MustCreateRef("#/definitions/" + definitionName(model))
	}
	definitions := spec.Definitions{}
	for model, definition := range openapi.GetOpenAPIDefinitions(reference) {
		schema := definition.Schema
		// A type that is either of two, such as intstr.IntOrString, has a second
		// definition for documents that cannot say so, and this is one.
		if v2, ok := schema.Extensions[common.ExtensionV2Schema].(spec.Schema); ok {
			schema = v2
		}
		definitions[definitionName(model)] = schema
	}
	return json.NewEncoder(w).Encode(&spec.Swagger{
		SwaggerProps: spec.SwaggerProps{
			Swagger:     "2.0",
			Info:        &spec.Info{InfoProps: spec.InfoProps{Title: "fleet.cattle.io", Version: "v1alpha1"}},
			Definitions: definitions,
		},
	})
}

var (
	// The generator looks a type up by the path of its Go package, not by its model
	// name. In Kubernetes these are the same; here they are not.
	modelPackage   = strings.TrimSuffix(v1alpha1.Bundle{}.OpenAPIModelName(), "Bundle")
	goTypesPackage = reflect.TypeFor[v1alpha1.Bundle]().PkgPath() + "."
)

func definitionName(model string) string {
	if name, ok := strings.CutPrefix(model, modelPackage); ok {
		return util.ToRESTFriendlyName(goTypesPackage + name)
	}
	if strings.Contains(model, "/") {
		return util.ToRESTFriendlyName(model)
	}
	return model
}
