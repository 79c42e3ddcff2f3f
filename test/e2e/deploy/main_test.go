// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	// within bounds every wait for something that must happen soon.
	within = time.Minute
	// poll is how often it is looked for.
	poll = 100 * time.Millisecond
	// monitorEvery is how often the agent looks for drift.
	monitorEvery = time.Second
)

// Shared by all tests, each of which has a workspace of its own.
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
		controller = newController(t, store)
		require.NoError(t, controller.Start())
	})
}

// eventually waits until try succeeds, and fails with its last error.
func eventually(t *testing.T, try func(ctx context.Context) error) {
	t.Helper()
	var last error
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		last = try(ctx)
		return last == nil
	}, within, poll, "%v", lastly{&last})
}

// lastly prints an error as it is when it is printed.
type lastly struct{ err *error }

func (l lastly) String() string {
	if *l.err == nil {
		return ""
	}
	return (*l.err).Error()
}
