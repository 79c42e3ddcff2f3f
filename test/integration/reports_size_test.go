// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// TestAReportTakesATenthOfItsBundleDeployment also logs the numbers.
func TestAReportTakesATenthOfItsBundleDeployment(t *testing.T) {
	t.Parallel()
	s, c := alone(t)
	for _, resources := range []int{1, 5, 20} {
		out := merge(t, c, "app", marshal(t, map[string]any{"status": fullReport("shop/orders:3", resources)}), "status")
		served := len(marshal(t, out))
		stored, err := s.etcd.Get(t.Context(), logPrefix+"/log/report/bundledeployments/"+home("ns", "c1")+"/app")
		require.NoError(t, err)
		require.Len(t, stored.Kvs, 1)
		_, err = record.DecodeReport("bundledeployments", stored.Kvs[0].Value)
		require.NoError(t, err)
		custom := len(marshal(t, asCustomResource(t, out)))
		t.Logf("SUMMARY a report with %d resources takes %d bytes in etcd; its BundleDeployment has %d as JSON, and takes %d as a custom resource", resources, len(stored.Kvs[0].Value), served, custom)
		require.LessOrEqual(t, len(stored.Kvs[0].Value)*10, served)
	}
}

// asCustomResource returns the object that kube-apiserver would store: without a
// resourceVersion, and with the managedFields of the spec and the status.
func asCustomResource(t *testing.T, o *unstructured.Unstructured) map[string]any {
	t.Helper()
	o = o.DeepCopy()
	o.SetResourceVersion("")
	now := metav1.NewTime(time.Now())
	var entries []metav1.ManagedFieldsEntry
	for manager, members := range map[string][]string{"fleetcontroller": {"metadata.labels", "spec"}, "fleetagent": {"status"}} {
		entries = append(entries, metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "fleet.cattle.io/v1alpha1", Time: &now,
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(fieldSet(t, o, members))),
		})
	}
	o.SetManagedFields(entries)
	return o.Object
}

// fieldSet returns the fields below some members of an object, as FieldsV1.
func fieldSet(t *testing.T, o *unstructured.Unstructured, members []string) []byte {
	t.Helper()
	var of func(v any) map[string]any
	of = func(v any) map[string]any {
		out := map[string]any{}
		if m, ok := v.(map[string]any); ok {
			for key, value := range m {
				out["f:"+key] = of(value)
			}
		}
		return out
	}
	all := map[string]any{}
	for _, member := range members {
		path := strings.Split(member, ".")
		value, _, err := unstructured.NestedFieldNoCopy(o.Object, path...)
		require.NoError(t, err)
		for i, key := range path {
			path[i] = "f:" + key
		}
		require.NoError(t, unstructured.SetNestedMap(all, of(value), path...))
	}
	return marshal(t, all)
}

// written returns the revision at which the record was last written.
func (s *server) written(t *testing.T) int64 {
	t.Helper()
	response, err := s.etcd.Get(t.Context(), logPrefix+"/log/", clientv3.WithLastRev()...)
	require.NoError(t, err)
	require.Len(t, response.Kvs, 1)
	return response.Kvs[0].ModRevision
}
