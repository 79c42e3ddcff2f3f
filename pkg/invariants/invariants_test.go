// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/invariants"
)

func TestTwoWritersAtOneTimePanic(t *testing.T) {
	t.Parallel()
	var w invariants.Writer
	w.Begin()()
	end := w.Begin()
	if invariants.Enabled {
		require.Panics(t, func() { w.Begin() })
	} else {
		require.NotPanics(t, func() { w.Begin() })
	}
	end()
	w.Begin()()
}

func TestAWriteToAPublishedValuePanics(t *testing.T) {
	t.Parallel()
	var f invariants.Frozen
	many := func() {
		for range 300 {
			f.Add("constant", func() []byte { return []byte("x") })
		}
	}
	many()
	value := []byte("x")
	f.Add("variable", func() []byte { return append([]byte{}, value...) })
	value[0] = 'y'
	if invariants.Enabled {
		require.Panics(t, many)
	} else {
		require.NotPanics(t, many)
	}
}
