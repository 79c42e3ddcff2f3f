// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"testing"
	"time"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	// patience bounds every wait.
	patience = 2 * time.Minute
	tick     = 50 * time.Millisecond
)

var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) { control = cluster.Start(t) })
}
