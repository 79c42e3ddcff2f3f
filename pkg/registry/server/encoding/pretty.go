// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding

import (
	"bytes"
	"encoding/json"
	"io"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

var _ runtime.Serializer = pretty{}

// pretty writes indented lists of BundleDeployments, item by item: encoding/json would hold
// the whole text twice.
type pretty struct{ runtime.Serializer }

// Encode implements runtime.Encoder.
func (p pretty) Encode(object runtime.Object, w io.Writer) error {
	if list, ok := object.(*v1alpha1.BundleDeploymentList); ok && len(list.Items) > 0 {
		return p.list(list, w)
	}
	return p.Serializer.Encode(object, w)
}

const indent = "  "

func (p pretty) list(list *v1alpha1.BundleDeploymentList, w io.Writer) error {
	// This first write is explained in inChunks.
	if _, err := w.Write([]byte{'{'}); err != nil {
		return err
	}
	e := acquire()
	defer e.release()
	var out bytes.Buffer
	e.b = append(e.b, '{')
	e.unlessEmpty(`"kind":`, list.Kind)
	e.unlessEmpty(`"apiVersion":`, list.APIVersion)
	e.other(`"metadata":`, list.ListMeta)
	e.end()
	if err := e.indented(&out, ""); err != nil {
		return err
	}
	out.Next(1)                 // already written
	out.Truncate(out.Len() - 2) // the end of the object, on its own line
	out.WriteString(",\n" + indent + `"items": [`)
	for i := range list.Items {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n" + indent + indent)
		e.b = e.b[:0]
		e.deployment(&list.Items[i], &e.known)
		if err := e.indented(&out, indent+indent); err != nil {
			return err
		}
		if out.Len() >= chunk {
			if _, err := out.WriteTo(w); err != nil {
				return err
			}
		}
	}
	out.WriteString("\n" + indent + "]\n}")
	_, err := out.WriteTo(w)
	return err
}

// indented appends the text so far to out, with line breaks and indentation.
func (e *encoder) indented(out *bytes.Buffer, prefix string) error {
	if e.err != nil {
		return e.err
	}
	return json.Indent(out, e.b, prefix, indent)
}
