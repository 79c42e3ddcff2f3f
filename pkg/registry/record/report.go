// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Report is the report record: the status that was written through /status.
type Report struct {
	// Status is an object of the kind with only its status set, without derived fields.
	Status APIObject
	// ManagedFields holds the entries of writers of the status subresource.
	ManagedFields []metav1.ManagedFieldsEntry
	// UID identifies the object that was reported on. A report on an earlier object with
	// the same name has no effect.
	UID types.UID

	// Size is the number of bytes of JSON in the record that this was decoded from, and 0
	// if it was not decoded.
	Size int
}

// reportJSON is a report as text. Status is the status itself, or a pointer to the place
// to decode it into.
type reportJSON struct {
	Status        any                         `json:"status,omitempty"`
	ManagedFields []metav1.ManagedFieldsEntry `json:"managedFields,omitempty"`
	UID           types.UID                   `json:"uid,omitempty"`
}

// Encode returns the record's bytes, in the compact form unless the report is too large
// for any store. Equal records have equal bytes.
func (r *Report) Encode() ([]byte, error) {
	data, _, err := r.EncodeSized()
	return data, err
}

// EncodeSized returns what Encode returns, and the number of bytes of JSON that the record
// stands for.
func (r *Report) EncodeSized() (data []byte, size int, err error) {
	text, err := r.text()
	if err != nil {
		return nil, 0, err
	}
	if len(text) > maxText {
		return text, len(text), nil
	}
	return compact(text), len(text), nil
}

// Equal reports whether two reports have the same record, without compressing them.
func (r *Report) Equal(o *Report) (bool, error) {
	a, err := r.text()
	if err != nil {
		return false, err
	}
	b, err := o.text()
	return err == nil && bytes.Equal(a, b), err
}

func (r *Report) text() ([]byte, error) {
	text, err := json.Marshal(reportJSON{Status: statusIn(r.Status), ManagedFields: r.ManagedFields, UID: r.UID})
	if err != nil {
		return nil, fmt.Errorf("encode report of %T: %w", r.Status, err)
	}
	return text, nil
}

// statusIn returns a pointer to an object's status, or nil if it has none.
func statusIn(object APIObject) any {
	if object == nil || !HasStatus(object) {
		return nil
	}
	return of(object).status(object)
}

// DecodeReport decodes the report record of a resource, in the compact form or as JSON,
// which earlier versions wrote.
func DecodeReport(resource string, data []byte) (*Report, error) {
	if !isCompact(data) {
		return decodeText(resource, data)
	}
	values, frame, err := split(data)
	if err != nil {
		return nil, fmt.Errorf("decode report record of %s: %w", resource, err)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	return s.decode(resource, values, frame)
}

func (s *scratch) decode(resource string, values, frame []byte) (*Report, error) {
	text, err := codec().text(s, values, frame)
	if err != nil {
		return nil, fmt.Errorf("decode report record of %s: %w", resource, err)
	}
	return decodeText(resource, text)
}

// decodeText decodes a report's JSON. It does not retain text.
func decodeText(resource string, text []byte) (*Report, error) {
	stored, ok := resources[resource]
	if !ok {
		return nil, fmt.Errorf("report record of unknown resource %q", resource)
	}
	out := &Report{Status: stored.make(), Size: len(text)}
	if bd, ok := out.Status.(*v1alpha1.BundleDeployment); ok && readReport(string(text), &bd.Status, out) {
		return out, nil
	}
	out = &Report{Status: stored.make(), Size: len(text)}
	in := reportJSON{Status: statusIn(out.Status)}
	// The decoded values may retain the bytes.
	if err := json.Unmarshal(bytes.Clone(text), &in); err != nil {
		return nil, fmt.Errorf("decode report record of %s: %w", resource, err)
	}
	out.ManagedFields, out.UID = in.ManagedFields, in.UID
	shareFields(out.ManagedFields)
	return out, nil
}
