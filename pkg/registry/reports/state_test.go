// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestAnIDThatIsNotTheStagedOneIsOutOfSync(t *testing.T) {
	t.Parallel()
	state := State(&v1alpha1.BundleDeploymentSpec{DeploymentID: "a", StagedDeploymentID: "b"}, &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: "a", Ready: true})
	require.Equal(t, v1alpha1.OutOfSync, state)
}

func TestReadyConditionsWithErrors(t *testing.T) {
	t.Parallel()
	ready := v1alpha1.GenericCondition{Type: "Ready", Status: "True", LastUpdateTime: "then"}
	other := v1alpha1.GenericCondition{Type: "Other", Status: "True"}
	failed := v1alpha1.GenericCondition{Type: "Ready", Status: "False", Reason: "Error", Message: "m"}
	for _, stored := range [][]v1alpha1.GenericCondition{nil, {ready}, {other}, {other, ready}, {ready, other}, {failed}} {
		before := slices.Clone(stored)
		with := WithError(stored, "m")
		require.Equal(t, before, stored)
		i := slices.IndexFunc(with, func(c v1alpha1.GenericCondition) bool { return c.Type == "Ready" })
		require.GreaterOrEqual(t, i, 0)
		require.Equal(t, []string{"False", "Error", "m"}, []string{with[i].Status, with[i].Reason, with[i].Message})
	}
}
