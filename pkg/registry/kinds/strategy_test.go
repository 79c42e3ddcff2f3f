// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/warning"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

type recorder struct {
	sync.Mutex
	texts []string
}

func (r *recorder) AddWarning(_, text string) {
	r.Lock()
	defer r.Unlock()
	r.texts = append(r.texts, text)
}

func request(t *testing.T, namespace string) (context.Context, *recorder) {
	t.Helper()
	r := &recorder{}
	return warning.WithWarningRecorder(genericapirequest.WithNamespace(t.Context(), namespace), r), r
}

// For every field of every kind: a change outside metadata and status increments the
// generation, any other change does not.
func TestGenerationCountsChangesOfEveryField(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		seen := map[string]int{}
		obj := k.New()
		leaves(reflect.ValueOf(obj).Elem(), "", func(path string) {
			top := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' })[0]
			seen[top]++
			old, changed := k.New(), obj.DeepCopyObject()
			objectMeta(old).Generation = 3
			k.Strategy(scheme).PrepareForUpdate(t.Context(), changed, old)
			want := int64(4)
			if top == "TypeMeta" || top == "ObjectMeta" || top == "Status" {
				want = 3
			}
			require.Equal(t, want, objectMeta(changed).Generation, "%s was set", path)
			require.Equal(t, want == 3, k.sameSpec(obj, k.New()), "%s was set", path)

			// In reverse: the same field is emptied.
			old, changed = obj.DeepCopyObject(), k.New()
			objectMeta(old).Generation = 3
			k.Strategy(scheme).PrepareForUpdate(t.Context(), changed, old)
			require.Equal(t, want, objectMeta(changed).Generation, "%s was emptied", path)
		})
		require.Positive(t, seen["ObjectMeta"])
		require.Equal(t, k.Status != nil, seen["Status"] > 0)
		delete(seen, "ObjectMeta")
		delete(seen, "TypeMeta")
		delete(seen, "Status")
		require.NotEmpty(t, seen, "the kind has content")
	})
}

func TestGenerationIsNotTheClients(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		obj := filled(replay.Rand(t), k)
		old := obj.DeepCopyObject()
		objectMeta(obj).Generation = 99
		objectMeta(old).Generation = 3
		k.Strategy(scheme).PrepareForUpdate(t.Context(), obj, old)
		require.Equal(t, int64(3), objectMeta(obj).Generation)
	})
}

func TestEmptyListsAndMapsAreNoChange(t *testing.T) {
	t.Parallel()
	old := &v1alpha1.Bundle{}
	obj := &v1alpha1.Bundle{Spec: v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{}}}
	obj.Spec.NamespaceLabels = map[string]string{}
	ByResource("bundles").Strategy(typer(t)).PrepareForUpdate(t.Context(), obj, old)
	require.Zero(t, obj.Generation, "they read like absent ones, because they are not stored")
}

func TestCreateStartsWithoutStatus(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		r := replay.Rand(t)
		for range 20 {
			obj := filled(r, k)
			want := obj.DeepCopyObject()
			k.Strategy(scheme).PrepareForCreate(t.Context(), obj)
			objectMeta(want).Generation = 1
			if k.Status != nil {
				require.True(t, reflect.ValueOf(k.Status(obj)).Elem().IsZero())
				reflect.ValueOf(k.Status(want)).Elem().SetZero()
			}
			require.Equal(t, want, obj, "everything else is as sent")
		}
	})
}

func TestUpdateKeepsTheOldStatus(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		r := replay.Rand(t)
		for range 20 {
			obj, old := filled(r, k), filled(r, k)
			sent, kept := obj.DeepCopyObject(), old.DeepCopyObject()
			k.Strategy(scheme).PrepareForUpdate(t.Context(), obj, old)
			require.Equal(t, kept, old, "the old object is not written to")
			objectMeta(sent).Generation = objectMeta(obj).Generation
			if k.Status != nil {
				require.Equal(t, k.Status(kept), k.Status(obj))
				reflect.ValueOf(k.Status(sent)).Elem().Set(reflect.ValueOf(k.Status(kept)).Elem())
			}
			require.Equal(t, sent, obj, "everything else is as sent")
		}
	})
}

func TestStatusUpdateChangesOnlyTheStatus(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		r := replay.Rand(t)
		for range 20 {
			obj, old := filled(r, k), filled(r, k)
			sent, kept := obj.DeepCopyObject(), old.DeepCopyObject()
			k.StatusStrategy(scheme).PrepareForUpdate(t.Context(), obj, old)
			require.Equal(t, kept, old, "the old object is not written to")

			want := kept.DeepCopyObject()
			objectMeta(want).ResourceVersion = objectMeta(sent).ResourceVersion
			if k.Status != nil {
				reflect.ValueOf(k.Status(want)).Elem().Set(reflect.ValueOf(k.Status(sent)).Elem())
				objectMeta(want).ManagedFields = objectMeta(sent).ManagedFields
			}
			require.Equal(t, want, obj)
		}
	})
}

func TestStatusUpdateForAnotherIncarnationIsRefused(t *testing.T) {
	t.Parallel()
	s := ByResource("bundledeployments").StatusStrategy(typer(t))
	old := &v1alpha1.BundleDeployment{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "ns", UID: "1", ResourceVersion: "5", Generation: 4503599627370496}}
	old.Spec.DeploymentID = "id"
	ctx, warnings := request(t, "ns")
	for _, tc := range []struct {
		name    string
		uid     types.UID
		refused bool
	}{
		{"the same uid is the same object", "1", false},
		{"without a uid it is the object with that name", "", false},
		{"another uid is another object", "2", true},
	} {
		obj := old.DeepCopy()
		obj.UID = tc.uid
		obj.Spec.DeploymentID = "x"
		obj.Labels = map[string]string{"x": "y"}
		obj.Status.Release = "r"
		err := rest.BeforeUpdate(s, ctx, obj, old)
		if tc.refused {
			require.True(t, apierrors.IsInvalid(err), "%s: %v", tc.name, err)
			require.ErrorContains(t, err, "metadata.uid", tc.name)
			continue
		}
		require.NoError(t, err, tc.name)
		want := old.DeepCopy()
		want.Status.Release = "r"
		require.Equal(t, want, obj, tc.name)
	}
	require.Empty(t, warnings.texts)
}

func TestDeletedObjectsMayOnlyLoseFinalizers(t *testing.T) {
	t.Parallel()
	k := ByResource("clustergroups")
	s := k.Strategy(typer(t))
	ctx, _ := request(t, "ns")
	old := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{
		Name: "g", Namespace: "ns", UID: "1", ResourceVersion: "5", Generation: 1,
		DeletionTimestamp: new(metav1.Now()), Finalizers: []string{"example.com/a", "example.com/b"},
	}}
	fewer, more := old.DeepCopy(), old.DeepCopy()
	fewer.Finalizers = fewer.Finalizers[:1]
	more.Finalizers = append(more.Finalizers, "example.com/c")
	require.NoError(t, rest.BeforeUpdate(s, ctx, fewer, old))
	require.ErrorContains(t, rest.BeforeUpdate(s, ctx, more, old), "metadata.finalizers")
}

func TestNames(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		namespace := ""
		if k.Namespaced {
			namespace = "ns"
		}
		ctx, _ := request(t, namespace)
		create := func(name string) error {
			obj := k.New()
			rest.FillObjectMetaSystemFields(objectMeta(obj))
			objectMeta(obj).Name = name
			switch o := obj.(type) {
			case *v1alpha1.GitRepo:
				o.Spec.Repo = "r"
			case *v1alpha1.ImageScan:
				o.Spec.Image, o.Spec.Interval = "i", new(v1alpha1.Duration("15m"))
			}
			return rest.BeforeCreate(k.Strategy(scheme), ctx, obj)
		}
		require.NoError(t, create("a"))
		require.NoError(t, create("a.b-c.1"))
		require.NoError(t, create(strings.Repeat("a", 253)))
		for _, name := range []string{"A", "a_b", "a/b", ".", "..", "a%b", "-a", "a-", strings.Repeat("a", 254)} {
			err := create(name)
			require.True(t, apierrors.IsInvalid(err), "%q: %v", name, err)
			require.ErrorContains(t, err, "metadata.name")
		}
	})
}

func TestUpdateRatchets(t *testing.T) {
	t.Parallel()
	s := ByResource("bundles").Strategy(typer(t))
	ctx, _ := request(t, "ns")
	old := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "ns", UID: "1", ResourceVersion: "5", Generation: 1}}
	old.Spec.TargetCustomizationMode = "bad"

	obj := old.DeepCopy()
	obj.Spec.Paused = true
	require.NoError(t, rest.BeforeUpdate(s, ctx, obj, old), "an unchanged invalid value does not block")
	obj.Spec.TargetCustomizationMode = "worse"
	err := rest.BeforeUpdate(s, ctx, obj, old)
	require.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(t, err, "spec.targetCustomizationMode")
	obj.Spec.TargetCustomizationMode = "AllMatches"
	require.NoError(t, rest.BeforeUpdate(s, ctx, obj, old))
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	k := ByResource("bundles")
	obj := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "ns", UID: "1", CreationTimestamp: metav1.Now()}}
	obj.Spec.Targets = []v1alpha1.BundleTarget{{Name: "all"}}
	const text = "spec.targets[0]: never matches a cluster; set clusterName, clusterGroup, clusterSelector or clusterGroupSelector"

	ctx, warnings := request(t, "ns")
	require.NoError(t, rest.BeforeCreate(k.Strategy(scheme), ctx, obj))
	require.Equal(t, []string{text}, warnings.texts, "a create warns")

	obj.ResourceVersion = "5"
	labelled := obj.DeepCopy()
	labelled.Labels = map[string]string{"a": "b"}
	labelled.Status.ObservedGeneration = 5
	ctx, warnings = request(t, "ns")
	require.NoError(t, rest.BeforeUpdate(k.Strategy(scheme), ctx, labelled, obj))
	require.NoError(t, rest.BeforeUpdate(k.StatusStrategy(scheme), ctx, labelled, obj))
	require.Empty(t, warnings.texts, "an update of metadata or status does not warn")

	paused := obj.DeepCopy()
	paused.Spec.Paused = true
	ctx, warnings = request(t, "ns")
	require.NoError(t, rest.BeforeUpdate(k.Strategy(scheme), ctx, paused, obj))
	require.Equal(t, []string{text}, warnings.texts, "an update of the spec warns")
}

// Every kind's hooks are called with an object of that kind.
func TestHooksTakeTheirKind(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k *Kind) {
		r := replay.Rand(t)
		for range 50 {
			obj := filled(r, k)
			before := obj.DeepCopyObject()
			k.Validate(obj)
			k.Warnings(obj)
			require.Equal(t, before, obj, "validation does not write")
		}
	})
}

func TestAStatusIsCheckedWhereItChanges(t *testing.T) {
	t.Parallel()
	s := ByResource("clusters").StatusStrategy(typer(t))
	in := func(namespace string) *v1alpha1.Cluster {
		return &v1alpha1.Cluster{Status: v1alpha1.ClusterStatus{Namespace: namespace}}
	}
	refused := s.ValidateUpdate(t.Context(), in("a/b"), in("a"))
	require.Len(t, refused, 1)
	require.Equal(t, "status.namespace", refused[0].Field)
	require.Empty(t, s.ValidateUpdate(t.Context(), in("b"), in("a")))
	require.Empty(t, s.ValidateUpdate(t.Context(), in("a/b"), in("a/b")), "an existing value blocks no report")
}

func TestStrategyFlags(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		for _, s := range []rest.RESTUpdateStrategy{k.Strategy(scheme), k.StatusStrategy(scheme)} {
			require.Equal(t, k.Namespaced, s.NamespaceScoped())
			require.False(t, s.AllowCreateOnUpdate(t.Context()))
			require.False(t, s.AllowUnconditionalUpdate(t.Context()), "as with a CRD")
			_, graceful := s.(rest.RESTGracefulDeleteStrategy)
			require.False(t, graceful)
		}
	})
}
