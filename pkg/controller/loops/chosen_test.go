// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package loops

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// running returns the names of the controllers that a value of the flag lets run.
func running(t *testing.T, args ...string) []string {
	t.Helper()
	chosen := DefaultChosen()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	chosen.AddFlags(flags)
	require.NoError(t, flags.Parse(args))
	require.Empty(t, chosen.Validate())
	return names(chosen.has)
}

func TestTheFlagChoosesAsKubeControllerManagersDoes(t *testing.T) {
	t.Parallel()
	standard := []string{"agentaccess", "clustercleanup", "downstream", "mirror", "rollout", "sweep"}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"without the flag", nil, standard},
		{"the star", []string{"--controllers=*"}, standard},
		{"one more", []string{"--controllers=*,schedule"}, []string{"agentaccess", "clustercleanup", "downstream", "mirror", "rollout", "schedule", "sweep"}},
		{"one more, before the star", []string{"--controllers=schedule,*"}, []string{"agentaccess", "clustercleanup", "downstream", "mirror", "rollout", "schedule", "sweep"}},
		{"one less", []string{"--controllers=*,-agentaccess"}, []string{"clustercleanup", "downstream", "mirror", "rollout", "sweep"}},
		{"one less, before the star", []string{"--controllers=-agentaccess,*"}, []string{"clustercleanup", "downstream", "mirror", "rollout", "sweep"}},
		{"a flag given twice adds", []string{"--controllers=*", "--controllers=-sweep"}, []string{"agentaccess", "clustercleanup", "downstream", "mirror", "rollout"}},
		{"only these", []string{"--controllers=rollout,schedule"}, []string{"rollout", "schedule"}},
		{"a minus without the star", []string{"--controllers=-rollout"}, nil},
		{"the first entry counts", []string{"--controllers=-sweep,sweep,*"}, []string{"agentaccess", "clustercleanup", "downstream", "mirror", "rollout"}},
		{"none", []string{"--controllers="}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, running(t, c.args...))
		})
	}
}

func TestAControllerThatDoesNotExistIsRefused(t *testing.T) {
	t.Parallel()
	errs := Chosen{"*", "rollouts", "-agents", "-sweep"}.Validate()
	require.Len(t, errs, 2)
	require.EqualError(t, errs[0], `--controllers: "rollouts" is not in the list of known controllers`)
	require.EqualError(t, errs[1], `--controllers: "agents" is not in the list of known controllers`)
}

func TestTheHelpListsEveryController(t *testing.T) {
	t.Parallel()
	chosen := DefaultChosen()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	chosen.AddFlags(flags)
	_, lists, found := strings.Cut(flags.Lookup("controllers").Usage, "All controllers: ")
	require.True(t, found)
	all, disabled, found := strings.Cut(lists, "\nDisabled-by-default controllers: ")
	require.True(t, found)
	require.Equal(t, "agentaccess, clustercleanup, clusterprofiles, downstream, mirror, rollout, schedule, sweep", all)
	require.Equal(t, "clusterprofiles, schedule", disabled)
}
