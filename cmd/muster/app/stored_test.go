// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
)

func data(keysAndValues ...string) map[string][]byte {
	out := map[string][]byte{}
	for i := 0; i < len(keysAndValues); i += 2 {
		out[keysAndValues[i]] = []byte(keysAndValues[i+1])
	}
	return out
}

func secret(name string, kind corev1.SecretType, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: kind, Data: data}
}

// invalid requires that an error names exactly some fields as wrong.
func invalid(t *testing.T, err error, fields ...string) {
	t.Helper()
	require.True(t, apierrors.IsInvalid(err), "%v", err)
	var status apierrors.APIStatus
	require.ErrorAs(t, err, &status)
	var wrong []string
	for _, cause := range status.Status().Details.Causes {
		wrong = append(wrong, cause.Field)
	}
	require.Equal(t, fields, slices.Compact(wrong), "%v", err)
}

func TestSecretsAndConfigMapsAreValidatedAsByKubernetes(t *testing.T) {
	t.Parallel()
	core := kubernetes.NewForConfigOrDie(run(t, t.TempDir()).config).CoreV1()
	half := strings.Repeat("x", corev1.MaxSecretSize/2)

	for fields, object := range map[string]*corev1.Secret{
		"metadata.name":                 secret("UPPER", "", nil),
		"data[a b]":                     secret("a", "", data("a b", "")),
		"data":                          secret("a", "", data("a", half, "b", half+"x")),
		"data[.dockercfg]":              secret("a", corev1.SecretTypeDockercfg, data(".dockercfg", "no JSON")),
		"data[.dockerconfigjson]":       secret("a", corev1.SecretTypeDockerConfigJson, nil),
		"data[username] data[password]": secret("a", corev1.SecretTypeBasicAuth, data("other", "")),
		"data[ssh-privatekey]":          secret("a", corev1.SecretTypeSSHAuth, nil),
		"data[tls.key]":                 secret("a", corev1.SecretTypeTLS, data("tls.crt", "")),
		"metadata.annotations[kubernetes.io/service-account.name]": secret("a", corev1.SecretTypeServiceAccountToken, nil),
	} {
		want := []string{fields}
		if strings.HasPrefix(fields, "data[username]") {
			want = strings.Fields(fields)
		}
		_, err := core.Secrets("tenants").Create(t.Context(), object, metav1.CreateOptions{})
		invalid(t, err, want...)
	}
	for fields, object := range map[string]*corev1.ConfigMap{
		"data[a/b]":       {Data: map[string]string{"a/b": ""}},
		"binaryData[a/b]": {BinaryData: data("a/b", "")},
		"data[a]":         {Data: map[string]string{"a": ""}, BinaryData: data("a", "")},
		"[]":              {Data: map[string]string{"a": half}, BinaryData: data("b", half+"x")},
	} {
		object.Name = "a"
		_, err := core.ConfigMaps("tenants").Create(t.Context(), object, metav1.CreateOptions{})
		invalid(t, err, fields)
	}

	for _, object := range []*corev1.Secret{
		secret("largest", "", data("a", half, "b", half)),
		secret("dockercfg", corev1.SecretTypeDockercfg, data(".dockercfg", "{}")),
		secret("docker", corev1.SecretTypeDockerConfigJson, data(".dockerconfigjson", `{"auths":{}}`)),
		secret("basic", corev1.SecretTypeBasicAuth, data("password", "")),
		secret("ssh", corev1.SecretTypeSSHAuth, data("ssh-privatekey", "")),
		secret("tls", corev1.SecretTypeTLS, data("tls.crt", "", "tls.key", "")),
		secret("fleet", "fleet.cattle.io/bundle-values/v1alpha1", nil),
	} {
		made, err := core.Secrets("tenants").Create(t.Context(), object, metav1.CreateOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, made.UID)
		require.Equal(t, cmp.Or(object.Type, corev1.SecretTypeOpaque), made.Type)
	}
	largest, err := core.Secrets("tenants").Get(t.Context(), "largest", metav1.GetOptions{})
	require.NoError(t, err)
	require.Len(t, bytes.Join([][]byte{largest.Data["a"], largest.Data["b"]}, nil), corev1.MaxSecretSize)
	largest.Type = "other"
	_, err = core.Secrets("tenants").Update(t.Context(), largest, metav1.UpdateOptions{})
	invalid(t, err, "type")
}

func TestImmutableSecretsAndConfigMapsDoNotChange(t *testing.T) {
	t.Parallel()
	core := kubernetes.NewForConfigOrDie(run(t, t.TempDir()).config).CoreV1()
	frozen := secret("a", "", data("k", "v"))
	frozen.Immutable = new(true)
	frozen, err := core.Secrets("tenants").Create(t.Context(), frozen, metav1.CreateOptions{})
	require.NoError(t, err)
	frozen.Labels = map[string]string{"a": "1"}
	frozen, err = core.Secrets("tenants").Update(t.Context(), frozen, metav1.UpdateOptions{})
	require.NoError(t, err)
	frozen.Data, frozen.Immutable = nil, nil
	_, err = core.Secrets("tenants").Update(t.Context(), frozen, metav1.UpdateOptions{})
	invalid(t, err, "immutable", "data")

	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Immutable: new(true), Data: map[string]string{"k": "v"}}
	config, err = core.ConfigMaps("tenants").Create(t.Context(), config, metav1.CreateOptions{})
	require.NoError(t, err)
	config.Data["k"], config.BinaryData = "w", data("b", "")
	_, err = core.ConfigMaps("tenants").Update(t.Context(), config, metav1.UpdateOptions{})
	invalid(t, err, "binaryData", "data")
}

func TestASecretsStringDataBecomesDataOnEachWay(t *testing.T) {
	t.Parallel()
	secrets := kubernetes.NewForConfigOrDie(run(t, t.TempDir()).config).CoreV1().Secrets("tenants")
	want := func(s *corev1.Secret, err error, values map[string][]byte) {
		t.Helper()
		require.NoError(t, err)
		require.Empty(t, s.StringData)
		require.Equal(t, values, s.Data)
	}
	text := func(value string) map[string]string { return map[string]string{"k": value} }

	created, err := secrets.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "a"}, StringData: text("created")}, metav1.CreateOptions{})
	want(created, err, data("k", "created"))
	created.StringData = text("updated")
	updated, err := secrets.Update(t.Context(), created, metav1.UpdateOptions{})
	want(updated, err, data("k", "updated"))
	patched, err := secrets.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"stringData":{"k":"merged"}}`), metav1.PatchOptions{})
	want(patched, err, data("k", "merged"))
	patched, err = secrets.Patch(t.Context(), "a", types.StrategicMergePatchType, []byte(`{"stringData":{"k":"patched"}}`), metav1.PatchOptions{})
	want(patched, err, data("k", "patched"))
	applied, err := secrets.Apply(t.Context(), applycorev1.Secret("a", "tenants").WithStringData(text("applied")), metav1.ApplyOptions{FieldManager: "test"})
	want(applied, err, data("k", "applied"))

	// The second manager does not own the key, and the first gives it up.
	own := applycorev1.Secret("b", "tenants").WithData(data("k", "v"))
	_, err = secrets.Apply(t.Context(), own, metav1.ApplyOptions{FieldManager: "one"})
	require.NoError(t, err)
	_, err = secrets.Apply(t.Context(), applycorev1.Secret("b", "tenants").WithData(data("k", "w")), metav1.ApplyOptions{FieldManager: "two"})
	require.True(t, apierrors.IsConflict(err), "%v", err)
	applied, err = secrets.Apply(t.Context(), applycorev1.Secret("b", "tenants"), metav1.ApplyOptions{FieldManager: "one"})
	require.NoError(t, err)
	require.Empty(t, applied.Data)
}

func TestSecretsAreListedWatchedAndKeptOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	muster := run(t, dir)
	core := kubernetes.NewForConfigOrDie(muster.config).CoreV1()
	const kind = "example.com/kind"
	selected := metav1.ListOptions{FieldSelector: "type=" + kind}
	events, err := core.Secrets("").Watch(t.Context(), selected)
	require.NoError(t, err)
	defer events.Stop()
	next := func(how watch.EventType, name string) {
		t.Helper()
		event := <-events.ResultChan()
		require.Equal(t, how, event.Type)
		require.Equal(t, name, event.Object.(*corev1.Secret).Name)
	}

	for _, s := range []*corev1.Secret{secret("other", "", nil), secret("one", kind, nil), secret("two", kind, nil)} {
		_, err := core.Secrets(s.Name+"s").Create(t.Context(), s, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	next(watch.Added, "one")
	next(watch.Added, "two")
	list, err := core.Secrets("").List(t.Context(), selected)
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	namespaces, err := core.Namespaces().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	names := map[string]bool{}
	for _, n := range namespaces.Items {
		names[n.Name] = true
	}
	require.Equal(t, []string{"fleet-default", "ones", "others", "twos"}, slices.Sorted(maps.Keys(names)))
	_, err = core.Namespaces().Get(t.Context(), "ones", metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, core.Secrets("ones").Delete(t.Context(), "one", metav1.DeleteOptions{}))
	next(watch.Deleted, "one")
	_, err = core.Namespaces().Get(t.Context(), "ones", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)

	two := list.Items[1]
	muster.stop(t)
	core = kubernetes.NewForConfigOrDie(run(t, dir).config).CoreV1()
	kept, err := core.Secrets("twos").Get(t.Context(), "two", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, two.UID, kept.UID)
	require.Equal(t, two.ResourceVersion, kept.ResourceVersion)
}
