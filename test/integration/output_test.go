// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	asTable   = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	asPartial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
	asList    = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
)

// getAs gets a path in a form and decodes the answer.
func (s *server) getAs(t *testing.T, accept, path string, out any) {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	request := s.raw(t).Get().AbsPath(apiRoot+path).SetHeader("Accept", accept)
	if key, value, ok := strings.Cut(query, "="); ok {
		request = request.Param(key, value)
	}
	body, err := request.DoRaw(t.Context())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, out), "%s", body)
}

// follow decodes the first event of a watch in a form.
func (s *server) follow(t *testing.T, accept, path string, out any) string {
	t.Helper()
	body, err := s.raw(t).Get().AbsPath(apiRoot+path).Param("watch", "true").Param("resourceVersion", "0").
		SetHeader("Accept", accept).Stream(t.Context())
	require.NoError(t, err)
	defer body.Close()
	line, err := bufio.NewReader(body).ReadBytes('\n')
	require.NoError(t, err)
	var e struct {
		Type   string
		Object json.RawMessage
	}
	require.NoError(t, json.Unmarshal(line, &e), "%s", line)
	require.NoError(t, json.Unmarshal(e.Object, out), "%s", line)
	return e.Type
}

func TestTablesAndMetadataOfComputedAndStoredKinds(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createBundle(t, c, bundle(ns, "app"))
	createCluster(t, c, cluster(ns, "c1"))
	createCluster(t, c, cluster(ns, "c2"))
	for _, k := range []struct {
		kind, list, name string
		columns, rows    int
	}{
		{"BundleDeployment", "/namespaces/" + home(ns, "c1") + "/bundledeployments", "app", 4, 1},
		{"Cluster", "/namespaces/" + ns + "/clusters", "c1", 4, 2},
		{"Bundle", "/namespaces/" + ns + "/bundles", "app", 2, 1},
	} {
		t.Run(k.kind, func(t *testing.T) {
			t.Parallel()
			var list struct{ Metadata metav1.ListMeta }
			s.getAs(t, "application/json", k.list, &list)

			requireTable := func(table *metav1.Table, rows int) {
				t.Helper()
				require.Equal(t, "Table", table.Kind)
				require.Equal(t, "meta.k8s.io/v1", table.APIVersion)
				require.Len(t, table.Rows, rows)
				require.Equal(t, k.name, table.Rows[0].Cells[0])
				var row metav1.PartialObjectMetadata
				require.NoError(t, json.Unmarshal(table.Rows[0].Object.Raw, &row))
				require.Equal(t, "PartialObjectMetadata", row.Kind)
				require.Equal(t, k.name, row.Name)
			}
			var table metav1.Table
			s.getAs(t, asTable, k.list, &table)
			requireTable(&table, k.rows)
			require.GreaterOrEqual(t, number(t, table.ResourceVersion), number(t, list.Metadata.ResourceVersion))
			require.GreaterOrEqual(t, len(table.ColumnDefinitions), k.columns-1)
			for _, row := range table.Rows {
				require.Len(t, row.Cells, len(table.ColumnDefinitions))
			}
			table = metav1.Table{}
			s.getAs(t, asTable, k.list+"/"+k.name, &table)
			requireTable(&table, 1)
			table = metav1.Table{}
			require.Equal(t, "ADDED", s.follow(t, asTable, k.list, &table))
			requireTable(&table, 1)
			// kubectl asks in this way for the whole object with the row.
			table = metav1.Table{}
			s.getAs(t, asTable, k.list+"?includeObject=Object", &table)
			var whole struct{ Kind string }
			require.NoError(t, json.Unmarshal(table.Rows[0].Object.Raw, &whole))
			require.Equal(t, k.kind, whole.Kind)

			requirePartial := func(o *metav1.PartialObjectMetadata) {
				t.Helper()
				require.Equal(t, "PartialObjectMetadata", o.Kind)
				require.Equal(t, k.name, o.Name)
				require.NotEmpty(t, o.UID)
				require.NotEmpty(t, o.ResourceVersion)
			}
			var partials metav1.PartialObjectMetadataList
			s.getAs(t, asList, k.list, &partials)
			require.Equal(t, "PartialObjectMetadataList", partials.Kind)
			require.Len(t, partials.Items, k.rows)
			requirePartial(&partials.Items[0])
			require.NotEmpty(t, partials.ResourceVersion)
			var partial metav1.PartialObjectMetadata
			s.getAs(t, asPartial, k.list+"/"+k.name, &partial)
			requirePartial(&partial)
			partial = metav1.PartialObjectMetadata{}
			require.Equal(t, "ADDED", s.follow(t, asPartial, k.list, &partial))
			requirePartial(&partial)
		})
	}
}

func TestProtobufIsAnsweredWithJSON(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	createBundle(t, s.clientset(t), bundle(ns, "app"))
	createCluster(t, s.clientset(t), cluster(ns, "c1"))
	const accept = "application/vnd.kubernetes.protobuf,application/json"
	path := "/namespaces/" + home(ns, "c1") + "/bundledeployments"
	var list metav1.PartialObjectMetadataList
	s.getAs(t, accept, path, &list)
	require.Equal(t, "BundleDeploymentList", list.Kind)
	require.Len(t, list.Items, 1)
	var object metav1.PartialObjectMetadata
	require.Equal(t, "ADDED", s.follow(t, accept, path, &object))
	require.Equal(t, "BundleDeployment", object.Kind)
}

func TestAnUnknownFormIsNotAcceptable(t *testing.T) {
	t.Parallel()
	for _, accept := range []string{"application/vnd.kubernetes.protobuf", "text/plain", "application/json;as=Chart;v=v1;g=meta.k8s.io"} {
		var code int
		shared(t).raw(t).Get().AbsPath(apiRoot+"/bundledeployments").SetHeader("Accept", accept).Do(t.Context()).StatusCode(&code)
		require.Equal(t, 406, code, accept)
	}
}

func TestEveryItemOfAListHasItsKind(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	createBundle(t, s.clientset(t), bundle(ns, "app"))
	createCluster(t, s.clientset(t), cluster(ns, "c1"))
	for path, kind := range map[string]string{
		"/namespaces/" + ns + "/clusters":                      "Cluster",
		"/namespaces/" + ns + "/bundles":                       "Bundle",
		"/namespaces/" + home(ns, "c1") + "/bundledeployments": "BundleDeployment",
		"/contents": "Content",
	} {
		var list struct{ Items []metav1.TypeMeta }
		s.getAs(t, "application/json", path, &list)
		require.NotEmpty(t, list.Items)
		for _, item := range list.Items {
			require.Equal(t, metav1.TypeMeta{Kind: kind, APIVersion: "fleet.cattle.io/v1alpha1"}, item, path)
		}
	}
}
