// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metatable "k8s.io/apimachinery/pkg/api/meta/table"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
)

var _ rest.TableConvertor = TableConvertor{}

// TableConvertor turns objects and lists of one kind into the table that "kubectl get"
// prints: NAME, then the kind's columns (S 1.1). A kind with its own columns has no AGE.
type TableConvertor struct{ kind *Kind }

// TableConvertor returns the kind's table convertor.
func (k *Kind) TableConvertor() TableConvertor { return TableConvertor{kind: k} }

// ConvertToTable returns one row for an object, or one for each item of a list. Rows carry
// their object; the REST layer reduces it to what the client asked for. An object without
// metadata gets 406.
func (c TableConvertor) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	row := func(obj runtime.Object) error {
		m, err := meta.Accessor(obj)
		if err != nil {
			return &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
				Message: fmt.Sprintf("%T cannot be shown as a table of %s; ask for application/json", obj, c.kind.GroupResource()),
			}}
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: c.cells(obj, m), Object: runtime.RawExtension{Object: obj}})
		return nil
	}
	if meta.IsListType(obj) {
		table.Rows = make([]metav1.TableRow, 0, meta.LenList(obj))
		if err := meta.EachListItem(obj, row); err != nil {
			return nil, err
		}
	} else if err := row(obj); err != nil {
		return nil, err
	}

	if m, err := meta.ListAccessor(obj); err == nil {
		table.ResourceVersion = m.GetResourceVersion()
		table.Continue = m.GetContinue()
		table.RemainingItemCount = m.GetRemainingItemCount()
	} else if m, err := meta.CommonAccessor(obj); err == nil {
		table.ResourceVersion = m.GetResourceVersion()
	}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = c.definitions()
	}
	return table, nil
}

func (c TableConvertor) definitions() []metav1.TableColumnDefinition {
	defs := []metav1.TableColumnDefinition{{
		Name: "Name", Type: "string", Format: "name",
		Description: "The object's name, unique among objects of its kind in its namespace.",
	}}
	for _, col := range c.kind.Columns {
		defs = append(defs, metav1.TableColumnDefinition{Name: col.Header, Type: "string", Description: col.Description})
	}
	if len(c.kind.Columns) == 0 {
		defs = append(defs, metav1.TableColumnDefinition{Name: "Age", Type: "date", Description: "The time since the object was created."})
	}
	return defs
}

// cells returns a missing value as null and not as "", like a CRD.
func (c TableConvertor) cells(obj runtime.Object, m metav1.Object) []any {
	cells := make([]any, 1, 2+len(c.kind.Columns))
	cells[0] = m.GetName()
	for _, col := range c.kind.Columns {
		if text := col.Cell(obj); text != "" {
			cells = append(cells, text)
		} else {
			cells = append(cells, nil)
		}
	}
	if len(c.kind.Columns) == 0 {
		cells = append(cells, metatable.ConvertToHumanReadableDateType(m.GetCreationTimestamp()))
	}
	return cells
}
