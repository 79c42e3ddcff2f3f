// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/install"
	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// field is one JSON member of a kind, at any depth.
type field struct {
	// steps lead from the object to the member: see child.
	steps []step
	typ   string
}

// step is one member on the path. in says what the member holds, if the path continues: an
// object (.), a list of objects ([]) or a map of objects ({}).
type step struct {
	name string
	in   string
}

func (f field) path() string {
	var path strings.Builder
	for _, s := range f.steps {
		path.WriteString(s.name + s.in)
	}
	return strings.TrimRight(path.String(), ".[]{}")
}

// document returns the JSON of an object whose only member is this one.
func (f field) document(kind string, value any) []byte {
	for i, s := range slices.Backward(f.steps) {
		if i < len(f.steps)-1 {
			switch {
			case strings.HasPrefix(s.in, "[]"):
				value = []any{value}
			case strings.HasPrefix(s.in, "{}"):
				value = map[string]any{"key": value}
			}
		}
		value = map[string]any{s.name: value}
	}
	object := value.(map[string]any)
	object["apiVersion"], object["kind"] = v1alpha1.SchemeGroupVersion.String(), kind
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return text
}

// leaves are the types whose members this package does not define.
var leaves = map[reflect.Type]string{
	reflect.TypeFor[v1alpha1.Duration]():                "string",
	reflect.TypeFor[metav1.Time]():                      "time",
	reflect.TypeFor[metav1.LabelSelector]():             "object",
	reflect.TypeFor[intstr.IntOrString]():               "intstr",
	reflect.TypeFor[v1alpha1.GenericMap]():              "free-form obj",
	reflect.TypeFor[corev1.Affinity]():                  "core Affinity",
	reflect.TypeFor[corev1.ResourceRequirements]():      "core ResourceRequirements",
	reflect.TypeFor[corev1.LocalObjectReference]():      "object",
	reflect.TypeFor[corev1.EnvVar]():                    "object",
	reflect.TypeFor[corev1.Toleration]():                "object",
	reflect.TypeFor[map[string]string]():                "map[string]string",
	reflect.TypeFor[[]byte]():                           "bytes(b64)",
	reflect.TypeFor[v1alpha1.TargetCustomizationMode](): "string",
}

// fieldsOf returns the members of a struct, at any depth.
func fieldsOf(t reflect.Type, steps []step) []field {
	var fields []field
	for member := range t.Fields() {
		name, _, _ := strings.Cut(member.Tag.Get("json"), ",")
		if name == "-" || member.Type == reflect.TypeFor[metav1.TypeMeta]() || member.Type == reflect.TypeFor[metav1.ObjectMeta]() {
			continue
		}
		if name == "" {
			fields = append(fields, fieldsOf(member.Type, steps)...)
			continue
		}
		at := append(slices.Clone(steps), step{name: name})
		elem, typ, in := member.Type, "", "."
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		if leaf, ok := leaves[elem]; ok {
			fields = append(fields, field{steps: at, typ: leaf})
			continue
		}
		switch elem.Kind() {
		case reflect.Slice:
			elem, in = elem.Elem(), "[]."
		case reflect.Map:
			elem, in = elem.Elem(), "{}."
		}
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		switch elem.Kind() {
		case reflect.Struct, reflect.Map:
			typ = map[string]string{".": "object", "[].": "[]obj", "{}.": "map[string]obj"}[in]
		default:
			typ = map[string]string{".": "", "[].": "[]", "{}.": "map[string]"}[in] + elem.Kind().String()
		}
		fields = append(fields, field{steps: at, typ: typ})
		if _, leaf := leaves[elem]; elem.Kind() == reflect.Struct && !leaf {
			at[len(at)-1].in = in
			fields = append(fields, fieldsOf(elem, at)...)
		}
	}
	return fields
}

var kinds = []string{
	"Bundle", "BundleDeployment", "BundleNamespaceMapping", "Cluster", "ClusterGroup",
	"ClusterRegistration", "ClusterRegistrationToken", "Content", "GitRepo",
	"GitRepoRestriction", "HelmOp", "ImageScan", "Policy", "Schedule",
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	return scheme
}

func fieldsOfKind(t *testing.T, scheme *runtime.Scheme, kind string) []field {
	object, err := scheme.New(v1alpha1.SchemeGroupVersion.WithKind(kind))
	require.NoError(t, err)
	return fieldsOf(reflect.TypeOf(object).Elem(), nil)
}

// specification returns the rows of the table of fields: kind, path, type, and N if null is
// a value of its own.
func specification(t *testing.T) [][]string {
	text, err := os.ReadFile("testdata/fields.txt")
	require.NoError(t, err)
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(strings.TrimSpace(line), "\t"))
		}
	}
	return rows
}

func TestTheTypesHaveExactlyTheFieldsOfTheSpecification(t *testing.T) {
	t.Parallel()
	want := map[string][]string{}
	for _, columns := range specification(t) {
		want[columns[0]] = append(want[columns[0]], columns[1]+" "+columns[2])
	}
	require.Len(t, want, len(kinds), "kinds in testdata/fields.txt")

	scheme := newScheme()
	for _, kind := range kinds {
		var got []string
		for _, f := range fieldsOfKind(t, scheme, kind) {
			if path := f.path(); path != "spec" && path != "status" {
				got = append(got, path+" "+f.typ)
			}
		}
		require.Empty(t, without(want[kind], got), "%s: fields of the specification that the type lacks", kind)
		require.Empty(t, without(got, want[kind]), "%s: fields of the type that the specification lacks", kind)
	}
}

// without returns the items that are not in taken, or that occur there less often.
func without(items, taken []string) []string {
	counts := map[string]int{}
	for _, item := range taken {
		counts[item]++
	}
	var left []string
	for _, item := range items {
		if counts[item]--; counts[item] < 0 {
			left = append(left, item)
		}
	}
	return left
}

func TestEveryFieldAcceptsNullAndKeepsItIfNullable(t *testing.T) {
	t.Parallel()
	nullable := map[string]bool{}
	for _, columns := range specification(t) {
		nullable[columns[0]+" "+columns[1]] = columns[3] == "N"
	}
	scheme := newScheme()
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, kind := range kinds {
		count := 0
		for _, f := range fieldsOfKind(t, scheme, kind) {
			text := f.document(kind, nil)
			got, _, err := decoder.Decode(text, nil, nil)
			require.NoError(t, err, "%s %s: null must be accepted: %s", kind, f.path(), text)

			// The oracle is the same object without the member.
			absent := strings.Replace(string(text), fmt.Sprintf("%q:null", f.steps[len(f.steps)-1].name), "", 1)
			absent = strings.NewReplacer("{,", "{", ",}", "}", ",,", ",").Replace(absent)
			want, _, err := decoder.Decode([]byte(absent), nil, nil)
			require.NoError(t, err, "%s %s: %s", kind, f.path(), absent)
			if o, ok := got.(v1alpha1.Written); ok {
				null := nullable[kind+" "+f.path()] && f.steps[0].name != "status"
				require.Equal(t, null, strings.Contains(encode(t, got), fmt.Sprintf("%q:null", f.steps[len(f.steps)-1].name)), "%s %s: %s", kind, f.path(), encode(t, got))
				*o.Form(), *want.(v1alpha1.Written).Form() = "", ""
			}
			require.Equal(t, want, got, "%s %s: null must mean the same as an absent member", kind, f.path())
			count++
		}
		require.NotZero(t, count, kind)
	}
}

func encode(t *testing.T, object any) string {
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return string(text)
}

func TestStrictDecodingReportsAnUnknownFieldAtAnyDepth(t *testing.T) {
	t.Parallel()
	scheme := newScheme()
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	lenient := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	for _, kind := range kinds {
		for _, f := range fieldsOfKind(t, scheme, kind) {
			if f.typ != "object" && f.typ != "[]obj" && f.typ != "map[string]obj" || strings.HasSuffix(f.path(), "ignore.conditions") {
				continue
			}
			var value any = map[string]any{"noSuchField": "x"}
			switch f.typ {
			case "[]obj":
				value = []any{value}
			case "map[string]obj":
				value = map[string]any{"key": value}
			}
			text := f.document(kind, value)
			_, _, err := lenient.Decode(text, nil, nil)
			require.NoError(t, err, "%s %s: a decoder that is not strict prunes it", kind, f.path())
			object, err := scheme.New(v1alpha1.SchemeGroupVersion.WithKind(kind))
			require.NoError(t, err)
			if _, reads := object.(v1alpha1.Written); reads {
				var tree map[string]any
				require.NoError(t, json.Unmarshal(text, &tree))
				unknown := schema.Unknown(tree, reflect.TypeOf(object).Elem())
				require.Len(t, unknown, 1, "%s %s", kind, f.path())
				require.Regexp(t, "^"+regexp.QuoteMeta(strings.Split(f.path(), "[")[0])+`.*\.noSuchField$`, unknown[0])
				continue
			}
			_, _, err = codecs.UniversalDeserializer().Decode(text, nil, nil)
			require.ErrorContains(t, err, `unknown field "`+strings.Split(f.path(), "[")[0], "%s %s", kind, f.path())
			require.True(t, runtime.IsStrictDecodingError(err), "%s %s: %v", kind, f.path(), err)
		}
	}
}
