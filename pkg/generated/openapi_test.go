// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package generated_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/musterfleet/muster/pkg/apis/fleet/install"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/openapi"
)

const modelPrefix = "io.cattle.fleet.v1alpha1."

func definitions() map[string]common.OpenAPIDefinition {
	return openapi.GetOpenAPIDefinitions(func(name string) spec.Ref {
		return spec.MustCreateRef("#/components/schemas/" + name)
	})
}

// reference is the definition that a schema refers to, itself or in its items.
func references(schema spec.Schema) []string {
	var names []string
	if name, ok := strings.CutPrefix(schema.Ref.String(), "#/components/schemas/"); ok {
		names = append(names, name)
	}
	for _, part := range schema.AllOf {
		names = append(names, references(part)...)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		names = append(names, references(*schema.Items.Schema)...)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		names = append(names, references(*schema.AdditionalProperties.Schema)...)
	}
	for _, property := range schema.Properties {
		names = append(names, references(property)...)
	}
	return names
}

func TestEveryKindIsDefined(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	install.Install(scheme)
	defined, count := definitions(), 0
	for kind, goType := range scheme.KnownTypes(v1alpha1.SchemeGroupVersion) {
		if strings.HasPrefix(goType.PkgPath(), "k8s.io/") {
			continue
		}
		definition, ok := defined[modelPrefix+kind]
		require.True(t, ok, "no OpenAPI definition of %s; run hack/ci/update-codegen.sh", kind)
		require.Equal(t, spec.StringOrArray{"object"}, definition.Schema.Type, kind)
		for _, property := range []string{"apiVersion", "kind", "metadata"} {
			require.Contains(t, definition.Schema.Properties, property, kind)
		}
		count++
	}
	require.Equal(t, 28, count, "14 kinds and their lists")
}

func TestEveryPropertyIsExplained(t *testing.T) {
	t.Parallel()
	defined, count := definitions(), 0
	for name, definition := range defined {
		if !strings.HasPrefix(name, modelPrefix) {
			continue
		}
		require.NotEmpty(t, definition.Schema.Description, name)
		for property, schema := range definition.Schema.Properties {
			require.NotEmpty(t, schema.Description, "%s.%s: the field has no comment", name, property)
			require.NotContains(t, schema.Description, "S 4.2", "%s.%s: a note to developers shows in kubectl explain", name, property)
			count++
		}
		require.Empty(t, without(references(definition.Schema), defined), "%s refers to what is not defined", name)
		require.ElementsMatch(t, slices.Compact(slices.Sorted(slices.Values(references(definition.Schema)))), definition.Dependencies, name)
	}
	require.Greater(t, count, 300)
}

func without(names []string, defined map[string]common.OpenAPIDefinition) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		_, ok := defined[name]
		return ok
	})
}

func TestFreeFormObjectsKeepUnknownFields(t *testing.T) {
	t.Parallel()
	defined := definitions()
	genericMap := modelPrefix + "GenericMap"
	schema := defined[genericMap].Schema
	require.Equal(t, spec.StringOrArray{"object"}, schema.Type)
	require.Equal(t, true, schema.Extensions["x-kubernetes-preserve-unknown-fields"])
	require.Empty(t, schema.Properties)

	for _, place := range [][2]string{{"HelmOptions", "values"}, {"ClusterSpec", "templateValues"}} {
		property := defined[modelPrefix+place[0]].Schema.Properties[place[1]]
		require.Equal(t, []string{genericMap}, references(property), place)
	}
	for name, definition := range defined {
		if strings.HasPrefix(name, modelPrefix) && name != genericMap {
			require.NotContains(t, definition.Schema.Extensions, "x-kubernetes-preserve-unknown-fields", name)
		}
	}
}

func TestOnlyTheCustomizationModeHasADefaultThatIsNotZero(t *testing.T) {
	t.Parallel()
	var withDefault []string
	for name, definition := range definitions() {
		if !strings.HasPrefix(name, modelPrefix) {
			continue
		}
		for property, schema := range definition.Schema.Properties {
			switch value := schema.Default.(type) {
			case nil:
			case map[string]any:
				require.Empty(t, value, "%s.%s", name, property)
			default:
				if value != "" && value != 0 && value != false {
					withDefault = append(withDefault, name+"."+property)
				}
			}
		}
	}
	require.ElementsMatch(t, []string{
		modelPrefix + "BundleSpec.targetCustomizationMode",
		modelPrefix + "HelmOpSpec.targetCustomizationMode",
	}, withDefault)
	mode := definitions()[modelPrefix+"BundleSpec"].Schema.Properties["targetCustomizationMode"]
	require.Equal(t, "FirstMatch", mode.Default)
	require.ElementsMatch(t, []any{"FirstMatch", "AllMatches"}, mode.Enum)
}

func TestRequiredFieldsAreThoseOfFleet(t *testing.T) {
	t.Parallel()
	// S 1.2 and S 1.4; a list always has items.
	want := map[string][]string{
		"GitRepoSpec":      {"repo"},
		"ImageScanSpec":    {"image", "interval"},
		"DeployedResource": {"perClusterState"},
	}
	for name, definition := range definitions() {
		name, ours := strings.CutPrefix(name, modelPrefix)
		if !ours {
			continue
		}
		if strings.HasSuffix(name, "List") {
			require.Equal(t, []string{"items"}, definition.Schema.Required, name)
			continue
		}
		require.ElementsMatch(t, want[name], definition.Schema.Required, name)
	}
}

func TestADurationIsATextOf1To32Characters(t *testing.T) {
	t.Parallel()
	defined := definitions()
	for _, place := range [][2]string{
		{"ClusterRegistrationTokenSpec", "ttl"},
		{"GitRepoSpec", "pollingInterval"},
		{"GitRepoSpec", "imageScanInterval"},
		{"HelmOpSpec", "pollingInterval"},
		{"ImageScanSpec", "interval"},
		{"ScheduleSpec", "duration"},
	} {
		property := defined[modelPrefix+place[0]].Schema.Properties[place[1]]
		require.Equal(t, spec.StringOrArray{"string"}, property.Type, place)
		require.Empty(t, references(property), place)
		require.NotNil(t, property.MinLength, place)
		require.Equal(t, int64(1), *property.MinLength, place)
		require.NotNil(t, property.MaxLength, place)
		require.EqualValues(t, v1alpha1.MaxDurationLength, *property.MaxLength, place)
	}
	reported := defined[modelPrefix+"ClusterStatus"].Schema.Properties["garbageCollectionInterval"]
	require.Equal(t, spec.StringOrArray{"string"}, reported.Type)
	require.Nil(t, reported.MaxLength, "the specification has no rule for what a status reports")
}
