// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/musterfleet/muster/pkg/registry/server"
)

func TestMain(m *testing.M) {
	utilruntime.Must(logsapi.AddFeatureGates(utilfeature.DefaultMutableFeatureGate)) // as main
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged                 // so that tests can be repeated in one process
	os.Exit(m.Run())
}

func TestTheVersionIsPrintedWithoutStartingAnything(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	command := NewCommand(t.Context(), &out)
	command.SetArgs([]string{"--version"})
	require.NoError(t, command.Execute())
	require.Equal(t, "muster-controller "+server.Version()+"\n", out.String())
}

func TestTheHelpShowsFlagsByTheme(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	command := NewCommand(t.Context(), &out)
	command.SetOut(&out)
	command.SetArgs([]string{"--help"})
	require.NoError(t, command.Execute())
	for _, want := range []string{"Leader election flags", "Etcd flags", "Agents flags", "Controllers flags", "--leader-elect-lease-duration", "--secure-port"} {
		require.Contains(t, out.String(), want)
	}
}

func TestACommandWithoutEtcdSaysWhichFlagIsMissing(t *testing.T) {
	t.Parallel()
	command := NewCommand(t.Context(), &bytes.Buffer{})
	command.SetErr(&bytes.Buffer{})
	command.SetArgs(nil)
	require.ErrorContains(t, command.Execute(), "--etcd-servers is missing")
}
