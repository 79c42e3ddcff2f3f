// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAScopeCleansUpHoweverItEnds(t *testing.T) {
	t.Parallel()
	quiet := func(string, ...any) {}
	var order []string
	err := Within(t.Context(), "a scope", quiet, func(s T) error {
		s.Cleanup(func() { order = append(order, "first") })
		s.Cleanup(func() { order = append(order, "second"); panic("in a cleanup") })
		require.NoError(s, errors.New("it broke"))
		order = append(order, "not reached")
		return nil
	})
	require.ErrorContains(t, err, "it broke")
	require.ErrorContains(t, err, "in a cleanup")
	require.Equal(t, []string{"second", "first"}, order)
	require.NoError(t, Within(t.Context(), "another", quiet, func(T) error { return nil }))
}
