// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) { control = cluster.Start(t) })
}

func TestTheControlPlaneAnswersKubectl(t *testing.T) {
	t.Parallel()
	out, _, err := control.Terminal(t, nil).Kubectl("get", "namespaces", "-o", "name")
	require.NoError(t, err)
	require.Contains(t, out, "namespace/kube-system\n")
}
