// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metatable "k8s.io/apimachinery/pkg/api/meta/table"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// table shows objects with some columns between their name and their age.
type table struct {
	columns []metav1.TableColumnDefinition
	cells   func(runtime.Object) []any
}

var (
	nameColumn = metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: "The name of the object"}
	dataColumn = metav1.TableColumnDefinition{Name: "Data", Type: "integer", Description: "The number of keys"}
	ageColumn  = metav1.TableColumnDefinition{Name: "Age", Type: "string", Description: "The time since the object was created"}

	secretTable = table{
		[]metav1.TableColumnDefinition{{Name: "Type", Type: "string", Description: "The type, which says what the keys mean"}, dataColumn},
		func(object runtime.Object) []any {
			secret := object.(*corev1.Secret)
			return []any{string(secret.Type), int64(len(secret.Data))}
		},
	}
	configMapTable = table{
		[]metav1.TableColumnDefinition{dataColumn},
		func(object runtime.Object) []any {
			config := object.(*corev1.ConfigMap)
			return []any{int64(len(config.Data) + len(config.BinaryData))}
		},
	}
)

// ConvertToTable implements rest.TableConvertor.
func (t table) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	out := &metav1.Table{}
	if list, err := meta.ListAccessor(object); err == nil {
		out.ResourceVersion, out.Continue, out.RemainingItemCount = list.GetResourceVersion(), list.GetContinue(), list.GetRemainingItemCount()
	} else if one, err := meta.CommonAccessor(object); err == nil {
		out.ResourceVersion = one.GetResourceVersion()
	}
	if asked, ok := options.(*metav1.TableOptions); !ok || !asked.NoHeaders {
		out.ColumnDefinitions = append(append([]metav1.TableColumnDefinition{nameColumn}, t.columns...), ageColumn)
	}
	var err error
	out.Rows, err = metatable.MetaToTableRow(object, func(o runtime.Object, _ metav1.Object, name, age string) ([]any, error) {
		return append(append([]any{name}, t.cells(o)...), age), nil
	})
	return out, err
}
