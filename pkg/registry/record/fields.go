// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shareFields replaces the field sets of a decoded object's entries by shared ones.
func shareFields(entries []metav1.ManagedFieldsEntry) {
	for i := range entries {
		if own := entries[i].FieldsV1; own != nil {
			if shared := fieldSets.of(own.GetRawString()); shared != nil {
				entries[i].FieldsV1 = shared
			}
		}
	}
}

// fieldTable holds the field sets of managed fields. All reports share a few of them, which
// must not be modified. A separate set would be as large as a report, and a set that is
// decoded in the usual way keeps alive the whole text that it is a part of.
type fieldTable struct {
	sync.RWMutex
	known map[string]*metav1.FieldsV1
}

var fieldSets = fieldTable{known: map[string]*metav1.FieldsV1{}}

// The table is emptied when it has mostFieldSets, and does not hold sets of more than
// longestFieldSet bytes.
const mostFieldSets, longestFieldSet = 256, 4 << 10

// of returns the field set with a text, or nil if that is not valid JSON.
func (t *fieldTable) of(text string) *metav1.FieldsV1 {
	t.RLock()
	fields := t.known[text]
	t.RUnlock()
	if fields != nil {
		return fields
	}
	if !json.Valid([]byte(text)) {
		return nil
	}
	text = strings.Clone(text)
	fields = metav1.NewFieldsV1(text)
	if len(text) > longestFieldSet {
		return fields
	}
	t.Lock()
	defer t.Unlock()
	if len(t.known) >= mostFieldSets {
		clear(t.known)
	}
	t.known[text] = fields
	return fields
}
