// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func typer(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	return scheme
}

func eachKind(t *testing.T, test func(t *testing.T, k *Kind)) {
	t.Helper()
	for _, k := range All() {
		t.Run(k.Kind, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// filled returns an object of the kind with random content.
func filled(r *rand.Rand, k *Kind) runtime.Object {
	obj := k.New()
	fill(r, reflect.ValueOf(obj).Elem())
	meta := objectMeta(obj)
	*meta = metav1.ObjectMeta{
		Name:            fmt.Sprintf("n%d", r.IntN(1000)),
		UID:             "u",
		ResourceVersion: strconv.Itoa(1 + r.IntN(1000)),
		Generation:      1 + r.Int64N(1000),
		Labels:          map[string]string{"l": strconv.Itoa(r.IntN(1000))},
		Annotations:     map[string]string{"a": strconv.Itoa(r.IntN(1000))},
		Finalizers:      []string{fmt.Sprintf("example.com/f%d", r.IntN(1000))},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: fmt.Sprintf("m%d", r.IntN(1000))}},
	}
	if form := formOf(obj); form != nil {
		*form = "" // only the fields say how it was written
	}
	k.normalize(obj) // as it would be stored
	if k.Namespaced {
		meta.Namespace = "ns"
	}
	return obj
}

// fill sets v and everything below it at random. Empty values are frequent.
func fill(r *rand.Rand, v reflect.Value) {
	if leaf(v, 1+r.IntN(1000)) {
		if r.IntN(2) == 0 {
			v.SetZero()
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range r.IntN(3) {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(r, e)
			v.SetMapIndex(reflect.ValueOf(strconv.Itoa(i)+"<").Convert(v.Type().Key()), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	default:
		panic("fill: " + v.Type().String())
	}
	if c, ok := v.Addr().Interface().(*v1alpha1.GenericCondition); ok && r.IntN(3) > 0 {
		c.Type = "Ready"
	}
}

// leaf sets v to a value that depends on n and is not zero, unless v is a container, and
// reports whether it did.
func leaf(v reflect.Value, n int) bool {
	switch p := v.Addr().Interface().(type) {
	case *metav1.Time:
		// JSON has neither the zone nor the nanoseconds.
		*p = metav1.NewTime(time.Unix(int64(n), 5).In(time.FixedZone("", 3600)))
	case *metav1.MicroTime:
		*p = metav1.NewMicroTime(time.Unix(int64(n), 0))
	case *v1alpha1.Duration:
		*p = v1alpha1.Duration(strconv.Itoa(n) + "s")
	case *resource.Quantity:
		*p = *resource.NewQuantity(int64(n), resource.DecimalSI)
	case *intstr.IntOrString:
		*p = intstr.FromInt32(int32(n))
	case *v1alpha1.GenericMap:
		p.Data = map[string]any{"k": int64(n)}
	default:
		switch v.Kind() {
		case reflect.String:
			v.SetString("<" + strconv.Itoa(n) + ">")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int, reflect.Int32, reflect.Int64:
			v.SetInt(int64(n))
		case reflect.Uint8:
			v.SetUint(uint64(1 + n%200))
		default:
			return false
		}
	}
	return true
}

// leaves calls visit for every leaf of v, one at a time, in an otherwise empty object.
// Pointers, lists and maps on the way get one element. The path consists of Go names.
func leaves(v reflect.Value, path string, visit func(path string)) {
	if leaf(v, 7) {
		visit(path)
		v.SetZero()
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		leaves(v.Elem(), path, visit)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		leaves(v.Index(0), path+"[0]", visit)
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		leaves(e, path+"[k]", func(path string) {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), e)
			visit(path)
		})
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	default:
		panic("leaves: " + path + " is a " + v.Type().String())
	}
	v.SetZero()
}
