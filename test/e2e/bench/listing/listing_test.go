// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package listing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheNextPageIsFoundBeforeAndBehindTheItems(t *testing.T) {
	t.Parallel()
	items := `"items":[` + strings.Repeat(`{"metadata":{"name":"a","annotations":{"x":"continue"}},"spec":{}},`, 500) + `{}]`
	for want, bodies := range map[string][]string{
		"token": {
			`{"kind":"List","metadata":{"resourceVersion":"1","continue":"token"},` + items + `}`,
			`{"apiVersion":"a/v1",` + items + `,"kind":"List","metadata":{"continue":"token","remainingItemCount":2}}`,
		},
		"": {
			`{"kind":"List","metadata":{"resourceVersion":"1"},` + items + `}`,
			`{"apiVersion":"a/v1",` + items + `,"kind":"List","metadata":{"continue":"","resourceVersion":"2"}}`,
			`{}`,
		},
	} {
		for _, body := range bodies {
			require.Equal(t, want, continues([]byte(body)))
		}
	}
}
