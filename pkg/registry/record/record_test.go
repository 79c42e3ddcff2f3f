// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestAKeyIsReadBackFromItsPath(t *testing.T) {
	t.Parallel()
	name := record.Name{Namespace: "ns", Name: "a.b-c"}
	for path, key := range map[string]record.Key{
		"object/clusters/ns/a.b-c":             record.ObjectKey(record.Clusters, name),
		"report/bundledeployments/ns/a.b-c":    record.ReportKey(record.BundleDeployments, name),
		"pin/bundles/ns/a.b-c":                 record.BundlePinKey(name),
		"pin/clusters/ns/a.b-c":                record.ClusterPinsKey(name),
		"mirror/namespaces/-/ns":               record.NamespaceKey("ns"),
		"mirror/downstream/ns/a.b-c":           record.DownstreamKey(name),
		"guard/targeting/-/-":                  record.TargetingGuardKey(),
		"guard/versions/-/-":                   record.VersionsGuardKey(),
		"promotion/bundledeployments/ns/a.b-c": record.PromotionKey(name),
		"rollout/bundles/ns/a.b-c":             record.RolloutKey(name),
		"guard/rollout/ns/a.b-c":               record.RolloutGuardKey(name),
	} {
		require.Equal(t, path, key.Path())
		back, err := record.ParseKey(path)
		require.NoError(t, err)
		require.Equal(t, key, back)
	}
}

func TestPathsThatAreNoKeysAreRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "object", "object/clusters/ns", "object/clusters/ns/a/b", "spec/clusters/ns/a", "/object/clusters/ns"} {
		_, err := record.ParseKey(path)
		require.ErrorContains(t, err, "record key", path)
	}
}

func TestNamesSortByNamespaceThenName(t *testing.T) {
	t.Parallel()
	names := []record.Name{{Namespace: "b", Name: "a"}, {Namespace: "a", Name: "b"}, {Namespace: "a-b", Name: "a"}, {Namespace: "a", Name: "a"}, {Name: "z"}}
	slices.SortFunc(names, record.Name.Compare)
	require.Equal(t, []record.Name{{Name: "z"}, {Namespace: "a", Name: "a"}, {Namespace: "a", Name: "b"}, {Namespace: "a-b", Name: "a"}, {Namespace: "b", Name: "a"}}, names)
	require.Equal(t, "a/b", names[2].String())
}

func bundle() *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "ns", UID: "uid", Generation: 3, Labels: map[string]string{"b": "2", "a": "1"}}}
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"y": "1", "x": map[string]any{"n": 1.5}}}}
	return b
}

func TestAnObjectIsReadBackWithoutItsStatus(t *testing.T) {
	t.Parallel()
	in := &record.Object{Object: bundle(), Content: "s-1", Resources: 2, Seed: []byte{0, 1, 255}, Time: time.Unix(1_700_000_000, 0).UTC()}
	in.Object.(*v1alpha1.Bundle).Status.ObservedGeneration = 7
	data, err := in.Encode()
	require.NoError(t, err)
	require.NotContains(t, string(data), `"status"`)
	out, err := record.DecodeObject(record.Bundles, data)
	require.NoError(t, err)
	in.Object.(*v1alpha1.Bundle).Status = v1alpha1.BundleStatus{}
	require.Equal(t, len(data), out.Size)
	out.Size = 0
	require.Equal(t, in, out)

	again, err := out.Encode()
	require.NoError(t, err)
	require.Equal(t, string(data), string(again), "equal records have equal bytes")
}

func TestARecordKeepsHowItsObjectWasWritten(t *testing.T) {
	t.Parallel()
	b := bundle()
	bare, err := (&record.Object{Object: b}).Encode()
	require.NoError(t, err)
	require.NotContains(t, string(bare), "written")
	older, err := record.DecodeObject(record.Bundles, bare)
	require.NoError(t, err)
	require.Empty(t, older.Object.(*v1alpha1.Bundle).Written, "a record without the member")

	require.NoError(t, json.Unmarshal([]byte(`{"spec":{"paused":false,"helm":{"force":false}}}`), b))
	require.NotEmpty(t, b.Written)
	data, err := (&record.Object{Object: b}).Encode()
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &members))
	require.NotContains(t, string(members["object"]), "paused", "the object must not contain it, because derive reads only the object")
	back, err := record.DecodeObject(record.Bundles, data)
	require.NoError(t, err)
	require.Equal(t, b.Written, back.Object.(*v1alpha1.Bundle).Written)
	again, err := back.Encode()
	require.NoError(t, err)
	require.Equal(t, data, again)
}

func TestAClusterRecordKeepsItsNamespaceAndNothingThatIsNotSet(t *testing.T) {
	t.Parallel()
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "c"}}
	data, err := (&record.Object{Object: c, Namespace: "cluster-ns"}).Encode()
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &members))
	require.Len(t, members, 2)
	out, err := record.DecodeObject(record.Clusters, data)
	require.NoError(t, err)
	require.Equal(t, "cluster-ns", out.Namespace)
	require.True(t, out.Time.IsZero())
}

func TestAReportIsReadBackWithNothingButTheStatus(t *testing.T) {
	t.Parallel()
	status := &v1alpha1.BundleDeployment{ObjectMeta: metav1.ObjectMeta{Name: "not kept"}}
	status.Status.Ready, status.Status.Release = true, "ns/release"
	in := &record.Report{Status: status, UID: "uid", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "agent", Subresource: "status"}}}
	data, err := in.Encode()
	require.NoError(t, err)
	require.NotContains(t, string(data), "not kept")
	out, err := record.DecodeReport(record.BundleDeployments, data)
	require.NoError(t, err)
	status.ObjectMeta = metav1.ObjectMeta{}
	out.Size = 0
	require.Equal(t, in, out)
}

func TestUnknownMembersOfLaterVersionsAreIgnored(t *testing.T) {
	t.Parallel()
	out, err := record.DecodeObject(record.Clusters, []byte(`{"object":{"metadata":{"name":"c"},"later":1},"later":{"a":1}}`))
	require.NoError(t, err)
	require.Equal(t, "c", out.Object.GetName())
	pin, err := record.Decode[record.BundlePin]([]byte(`{"uid":"u","generation":2,"later":true}`))
	require.NoError(t, err)
	require.Equal(t, &record.BundlePin{UID: "u", Generation: 2}, pin)
}

func TestBadRecordsAreErrorsThatNameTheResource(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "{garbage", `{"object":"text"}`, `[]`, `{}`} {
		_, err := record.DecodeObject(record.Clusters, []byte(data))
		require.ErrorContains(t, err, "clusters", data)
	}
	_, err := record.DecodeObject("unknown", []byte(`{"object":{}}`))
	require.ErrorContains(t, err, "unknown")
	_, err = record.DecodeReport("unknown", []byte(`{}`))
	require.ErrorContains(t, err, "unknown")
	_, err = record.DecodeReport(record.Clusters, []byte(`{"status":[]}`))
	require.ErrorContains(t, err, "clusters")
	_, err = record.Decode[record.Namespace]([]byte("{"))
	require.Error(t, err)
	_, err = record.New("unknown")
	require.ErrorContains(t, err, "unknown")
}

func TestPinsAreOrderedByBundleThenVersion(t *testing.T) {
	t.Parallel()
	pins := []record.ClusterPin{{BundleUID: "b", Generation: 1}, {BundleUID: "a", Generation: 2}, {BundleUID: "a", Generation: 1}}
	slices.SortFunc(pins, record.ClusterPin.Compare)
	require.Equal(t, []record.ClusterPin{{BundleUID: "a", Generation: 1}, {BundleUID: "a", Generation: 2}, {BundleUID: "b", Generation: 1}}, pins)
}
