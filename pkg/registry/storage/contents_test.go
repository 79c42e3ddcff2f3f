// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

func manifestOf(size int) []v1alpha1.BundleResource {
	return []v1alpha1.BundleResource{{Content: strings.Repeat("x", size)}}
}

// The test compares the cache with a list that is searched from end to end.
func TestTheContentCacheKeepsTheMostRecentlyUsed(t *testing.T) {
	t.Parallel()
	random := replay.Rand(t)
	const limit = 1000
	c := newContentCache(limit)
	var want []string // most recently used first; sizes holds their sizes
	sizes := map[string]int{}
	for range 10_000 {
		id := fmt.Sprintf("s-%d", random.IntN(40))
		at := slices.Index(want, id)
		got, ok := c.get(id)
		require.Equal(t, at >= 0, ok, id)
		if ok {
			require.Len(t, got[0].Content, sizes[id]-len(id))
			want = slices.Insert(slices.Delete(want, at, at+1), 0, id)
			continue
		}
		content := 5*len(id) + 10*random.IntN(30)
		c.put(id, manifestOf(content))
		sizes[id] = len(id) + content
		want = slices.Insert(want, 0, id)
		total := 0
		for i, each := range want {
			if total += sizes[each]; total > limit {
				want = want[:i]
				break
			}
		}
	}
}

func TestAnOversizedContentIsNotCachedAndEvictsNothing(t *testing.T) {
	t.Parallel()
	c := newContentCache(100)
	c.put("small", manifestOf(10))
	c.put("big", manifestOf(100))
	_, kept := c.get("big")
	require.False(t, kept)
	_, kept = c.get("small")
	require.True(t, kept)
}
