// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// TestOptionsThatDifferInAnyFieldAreNotTheSame changes one field after the other.
func TestOptionsThatDifferInAnyFieldAreNotTheSame(t *testing.T) {
	t.Parallel()
	var zero v1alpha1.BundleDeploymentOptions
	require.True(t, same(&zero, &v1alpha1.BundleDeploymentOptions{}))
	for i := range reflect.TypeFor[v1alpha1.BundleDeploymentOptions]().NumField() {
		var other v1alpha1.BundleDeploymentOptions
		field := reflect.ValueOf(&other).Elem().Field(i)
		switch field.Kind() {
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		case reflect.String:
			field.SetString("x")
		case reflect.Int64:
			field.SetInt(1)
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Map:
			field.Set(reflect.MakeMap(field.Type()))
			field.SetMapIndex(reflect.ValueOf("a"), reflect.ValueOf("b"))
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		default:
			require.Failf(t, "a kind of field that this test cannot fill", "%s", field.Kind())
		}
		require.Falsef(t, same(&zero, &other), "%s", reflect.TypeOf(other).Field(i).Name)
		require.True(t, same(&other, &other))
	}
}

func options(name string, size int) *v1alpha1.BundleDeploymentOptions {
	return &v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{ReleaseName: name, Chart: strings.Repeat("x", size)}}
}

// TestKeptOptionsAreBounded writes more options than are kept, of all sizes, and some again.
func TestKeptOptionsAreBounded(t *testing.T) {
	t.Parallel()
	var k known
	check := func(id string, o *v1alpha1.BundleDeploymentOptions) {
		t.Helper()
		var out text
		k.write(&out, id, o)
		want, err := json.Marshal(o)
		require.NoError(t, err)
		require.Equal(t, string(want), string(out.b))
		require.LessOrEqual(t, len(k.texts), knownBytes)
		require.LessOrEqual(t, len(k.all), knownEntries)
		require.Len(t, k.at, len(k.all))
	}
	often := options("often", 100)
	for i := range 3 * knownEntries {
		check(fmt.Sprint(i), options(fmt.Sprint(i), i))
		check("often", often)
		check("", options("without an ID", 1))
		check("changing", options(fmt.Sprint(i), 10))
	}
	check("long", options("long", knownAtMost))
	require.NotContains(t, k.at, "long")
}
