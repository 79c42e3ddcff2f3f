// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALogGetsALineForEachStepAndNoBar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := start(&out, false, 2)
	p.Task("list", 2)
	p.Step("loading %d", 10)
	p.Step("listing")
	p.Say("a line that stays")
	p.End()
	require.NotContains(t, out.String(), "\r")
	require.NotContains(t, out.String(), "[#")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], "list: loading 10")
	require.Equal(t, "a line that stays", lines[2])
}

func TestTheBarIsFullWhenAllIsDoneAndNeverBefore(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := start(&out, false, 2)
	share := func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.shareLocked()
	}
	p.Task("first", 2)
	require.Zero(t, share())
	p.Step("a")
	p.Step("b")
	require.InDelta(t, 0.25, share(), 1e-9)
	p.Step("more than was announced")
	p.Step("and more")
	require.InDelta(t, 0.5, share(), 1e-9, "the task waits at its end")
	p.Task("second", 1)
	require.InDelta(t, 0.5, share(), 1e-9)
	require.Contains(t, bar(1), "########################] 100%")
	require.Contains(t, bar(0), "[........................]   0%")
}
