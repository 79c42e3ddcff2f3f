// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	// within bounds every wait for something that must happen soon.
	within = time.Minute
	// monitorEvery is the time between two looks for drift.
	monitorEvery = time.Second
)

// All tests share these; each test has a workspace of its own.
var (
	control    *cluster.ControlPlane
	controller *cluster.Process
	fleet      versioned.Interface
)

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		cluster.Program(t, "muster-agent")
		control = cluster.Start(t)
		store := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
		cluster.Install(t, control, store, cluster.Options{Replicas: 1, Components: []string{"controller"}})
		var err error
		fleet, err = versioned.NewForConfig(control.Config)
		require.NoError(t, err)
		// Agents connect in the same way as every client.
		controller = control.Controller(t, store, "muster-controller", "--agent-api-server-url="+control.Config.Host, "--agent-api-server-ca-file="+control.CAFile)
		require.NoError(t, controller.Start())
	})
}
