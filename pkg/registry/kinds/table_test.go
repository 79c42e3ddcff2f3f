// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// crdCell returns the value at the path as a column of type string in a CRD does: the first
// result, or null if none exists.
func crdCell(t *testing.T, path string, obj runtime.Object) any {
	t.Helper()
	raw, err := json.Marshal(obj)
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, json.Unmarshal(raw, &tree))
	p := jsonpath.New("").AllowMissingKeys(true)
	require.NoError(t, p.Parse("{"+path+"}"))
	results, err := p.FindResults(tree)
	require.NoError(t, err)
	if len(results) == 0 || len(results[0]) == 0 {
		return nil
	}
	var text bytes.Buffer
	require.NoError(t, p.PrintResults(&text, []reflect.Value{reflect.ValueOf(results[0][0].Interface())}))
	if text.Len() == 0 {
		return nil
	}
	return text.String()
}

// The oracle is the JSONPath of the CRD, evaluated on the object's JSON.
func TestColumnsAgreeWithTheCRDs(t *testing.T) {
	t.Parallel()
	for _, w := range want {
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			r := replay.Rand(t)
			k := ByResource(w.plural)
			shown := make([]int, len(w.columns))
			for range 300 {
				obj := filled(r, k)
				table, err := k.TableConvertor().ConvertToTable(t.Context(), obj, nil)
				require.NoError(t, err)
				require.Len(t, table.Rows, 1)
				require.Equal(t, objectMeta(obj).Name, table.Rows[0].Cells[0])
				for i, c := range w.columns {
					cell := table.Rows[0].Cells[i+1]
					require.Equal(t, crdCell(t, c[1], obj), cell, "column %s", c[0])
					if cell != nil {
						shown[i]++
					}
				}
			}
			for i, n := range shown {
				require.Positive(t, n, "column %s never showed anything", w.columns[i][0])
			}
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k *Kind) {
		require := require.New(t)
		r := replay.Rand(t)
		list := k.NewList()
		items := []runtime.Object{filled(r, k), filled(r, k), filled(r, k)}
		require.NoError(meta.SetList(list, items))
		m, err := meta.ListAccessor(list)
		require.NoError(err)
		m.SetResourceVersion("42")
		m.SetContinue("token")
		m.SetRemainingItemCount(new(int64(17)))

		table, err := k.TableConvertor().ConvertToTable(t.Context(), list, &metav1.TableOptions{})
		require.NoError(err)
		require.Equal("42", table.ResourceVersion)
		require.Equal("token", table.Continue)
		require.Equal(int64(17), *table.RemainingItemCount)
		require.Len(table.Rows, 3)
		for i, row := range table.Rows {
			require.Equal(objectMeta(items[i]).Name, row.Cells[0])
			require.Equal(items[i], row.Object.Object, "a row carries its object")
			require.Len(row.Cells, len(table.ColumnDefinitions))
		}
		require.Equal("Name", table.ColumnDefinitions[0].Name)
		require.Equal("name", table.ColumnDefinitions[0].Format)
		for _, c := range table.ColumnDefinitions {
			require.NotEmpty(c.Description)
		}
		last := table.ColumnDefinitions[len(table.ColumnDefinitions)-1]
		require.Equal(len(k.Columns) == 0, last.Name == "Age", "only a kind without columns of its own prints the age")

		for _, options := range []runtime.Object{nil, &metav1.TableOptions{}} {
			table, err = k.TableConvertor().ConvertToTable(t.Context(), items[0], options)
			require.NoError(err)
			require.Len(table.Rows, 1)
			require.Same(items[0], table.Rows[0].Object.Object)
			require.Equal(objectMeta(items[0]).ResourceVersion, table.ResourceVersion)
			require.NotEmpty(table.ColumnDefinitions)
		}
		table, err = k.TableConvertor().ConvertToTable(t.Context(), items[0], &metav1.TableOptions{NoHeaders: true})
		require.NoError(err)
		require.Len(table.Rows, 1)
		require.Empty(table.ColumnDefinitions)

		table, err = k.TableConvertor().ConvertToTable(t.Context(), k.NewList(), nil)
		require.NoError(err)
		require.NotNil(table.Rows, "an empty list has rows: [] and not null")
		require.Empty(table.Rows)
	})
}

func TestTableShowsTheAgeOfKindsWithoutColumns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := ByResource("policies")
		age := func(created metav1.Time) any {
			table, err := k.TableConvertor().ConvertToTable(t.Context(),
				&v1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "p", CreationTimestamp: created}}, nil)
			require.NoError(t, err)
			require.Equal(t, "date", table.ColumnDefinitions[1].Type)
			return table.Rows[0].Cells[1]
		}
		require.Equal(t, "5m", age(metav1.NewTime(time.Now().Add(-5*time.Minute))))
		require.Equal(t, "3d", age(metav1.NewTime(time.Now().Add(-72*time.Hour))))
		require.Equal(t, "<unknown>", age(metav1.Time{}))
	})
}

func TestTableOfSomethingElseIsNotAcceptable(t *testing.T) {
	t.Parallel()
	_, err := ByResource("bundles").TableConvertor().ConvertToTable(t.Context(), &metav1.Status{}, nil)
	require.ErrorContains(t, err, "*v1.Status cannot be shown as a table of bundles.fleet.cattle.io")
	var status apierrors.APIStatus
	require.ErrorAs(t, err, &status)
	require.Equal(t, int32(http.StatusNotAcceptable), status.Status().Code)
}

func TestListsPrintAsJSON(t *testing.T) {
	t.Parallel()
	table, err := ByResource("gitreporestrictions").TableConvertor().ConvertToTable(t.Context(), &v1alpha1.GitRepoRestriction{
		ObjectMeta:             metav1.ObjectMeta{Name: "r"},
		AllowedServiceAccounts: []string{"a", "b"},
	}, nil)
	require.NoError(t, err)
	require.Equal(t, []any{"r", nil, `["a","b"]`}, table.Rows[0].Cells)
}
