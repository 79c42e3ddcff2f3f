// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

func TestAtLeastIsALowerBoundOfEveryEvaluation(t *testing.T) {
	t.Parallel()
	const password = `derivePassword 1 "long" "p" "u" "s"`
	for _, c := range []struct {
		name, text string
		nowhere    bool
	}{
		{"a password", `${ ` + password + ` }`, true},
		{"a password that is given to a function", `${ ` + password + ` | upper }`, true},
		{"a password in parentheses", `${ upper (` + password + `) }`, true},
		{"a password in a condition", `${ if ` + password + ` }x${ end }`, true},
		{"a password that a variable is set to", `${ $x := ` + password + ` }`, true},
		{"a password in a branch", `${ if .ClusterLabels.nope }${ ` + password + ` }${ end }`, false},
		{"a password in a loop", `${ range .ClusterLabels }${ ` + password + ` }${ end }`, false},
		{"a password that may not be evaluated", `${ and false (` + password + `) }`, false},
		{"a password that is evaluated first", `${ or (` + password + `) false }`, true},
		{"a password in a template that is not called", `${ define "t" }${ ` + password + ` }${ end }`, false},
		{"many calls", strings.Repeat(`${ semver "1.2.3" }`, 5000), true},
		{"some calls", strings.Repeat(`${ semver "1.2.3" }`, 50), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tmpl, err := sandbox.Parse("values", c.text)
			require.NoError(t, err)
			require.Equal(t, c.nowhere, tmpl.AtLeast() > sandbox.MaxWork)
			var budget sandbox.Budget
			_, err = tmpl.Execute(environment(), data(), &budget)
			if c.nowhere {
				require.Error(t, err)
				return
			}
			require.GreaterOrEqual(t, budget.Used(), tmpl.AtLeast())
		})
	}
	_, err := sandbox.Parse("values", strings.Repeat(`${1}`, 50_001))
	require.ErrorContains(t, err, "template has 50001 actions, more than 50000")
}

func TestABudgetThatIsUsedUpStaysSo(t *testing.T) {
	t.Parallel()
	var b sandbox.Budget
	require.NoError(t, b.Use(sandbox.MaxWork-1))
	require.NoError(t, b.Use(1))
	require.NoError(t, b.Use(0))
	require.ErrorIs(t, b.Use(1), sandbox.ErrBudget)
	require.ErrorIs(t, b.Use(-1), sandbox.ErrBudget)
	require.Equal(t, sandbox.MaxWork, b.Used())
	var other sandbox.Budget
	require.ErrorIs(t, other.Use(sandbox.MaxWork+1), sandbox.ErrBudget)
	require.ErrorIs(t, other.Use(1), sandbox.ErrBudget, "after a failure, smaller pieces fail too")
}
