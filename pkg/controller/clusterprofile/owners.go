// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Manager is the field manager of the labels.
const Manager = "muster-clusterprofiles"

// owners holds the field managers of a Cluster's labels.
type owners struct {
	// ours are the labels that this package owns, and oursToo reports whether it owns its
	// annotation. others maps each label, and that annotation, to another manager that owns it.
	ours    map[string]bool
	oursToo bool
	others  map[string]string
}

// owned is the part of FieldsV1 that names labels and annotations.
type owned struct {
	Metadata struct {
		Labels      map[string]json.RawMessage `json:"f:labels"`
		Annotations map[string]json.RawMessage `json:"f:annotations"`
	} `json:"f:metadata"`
}

func ownersOf(object metav1.Object) (owners, error) {
	o := owners{ours: map[string]bool{}, others: map[string]string{}}
	entries := object.GetManagedFields()
	for _, entry := range entries {
		if entry.FieldsV1 == nil || entry.Subresource != "" {
			continue
		}
		var fields owned
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
			return owners{}, fmt.Errorf("decode the managedFields of %s: %w", entry.Manager, err)
		}
		mine := entry.Manager == Manager && entry.Operation == metav1.ManagedFieldsOperationApply
		for field := range fields.Metadata.Labels {
			switch key, isKey := strings.CutPrefix(field, "f:"); {
			case !isKey: // "." is the map itself
			case mine:
				o.ours[key] = true
			default:
				o.others[key] = entry.Manager
			}
		}
		if _, is := fields.Metadata.Annotations["f:"+skippedAnnotation]; is && mine {
			o.oursToo = true
		} else if is {
			o.others[skippedAnnotation] = entry.Manager
		}
	}
	if len(entries) == 0 {
		// The first apply gives all fields of such an object to a manager of its own.
		for key := range object.GetLabels() {
			o.others[key] = "before-first-apply"
		}
	}
	return o, nil
}
