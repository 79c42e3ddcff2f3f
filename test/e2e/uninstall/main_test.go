// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"testing"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// control is the control plane in which the page is played.
var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) { control = cluster.Start(t) })
}
