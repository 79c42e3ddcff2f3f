// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAScopeAlwaysCleansUp(t *testing.T) {
	t.Parallel()
	var order []string
	log := func(string, ...any) { order = append(order, "logged") }
	err := Within(t.Context(), "a scope", log, func(s T) error {
		s.Cleanup(func() { order = append(order, "first") })
		s.Cleanup(func() { order = append(order, "second"); panic("in a cleanup") })
		require.NoError(s, errors.New("it broke"))
		order = append(order, "not reached")
		return nil
	})
	require.ErrorContains(t, err, "it broke")
	require.ErrorContains(t, err, "in a cleanup")
	require.Equal(t, []string{"logged", "logged", "second", "logged", "first"}, order)
	require.NoError(t, Within(t.Context(), "another", log, func(T) error { return nil }))
}
