// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/agent/simulate"
)

func TestCommandLineOptionsAreValidated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"", ""},
		{"--failure-rate=1 --restart-every=1s --heartbeat=0s", ""},
		{"--failure-rate=1.5", "--failure-rate 1.5 is not a share"},
		{"--failure-rate=-1", "--failure-rate -1 is not a share"},
		{"--workers=0", "--workers 0 does nothing"},
		{"--resources=-1", "--resources -1 is not a number of objects"},
		{"--delay=-1s", "cannot be negative"},
		{"--dependency-retry=0s", "--dependency-retry 0s would never pause"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			var play simulate.Play
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			play.AddFlags(flags)
			require.NoError(t, flags.Parse(strings.Fields(c.args)))
			err := play.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAgentsAreThoseOfTheClustersThatAreNamed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 0)
	names := func(selector, list string, most int) (out []string, err error) {
		agents, err := simulate.Select(t.Context(), shared.config, selector, list, most)
		for _, a := range agents {
			require.NotEmpty(t, a.Namespace)
			out = append(out, a.Cluster.Name)
		}
		return out, err
	}
	own := "test=" + f.mark
	got, err := names(own, "", 0)
	require.NoError(t, err)
	require.Equal(t, []string{f.mark + "-0", f.mark + "-1", f.mark + "-2"}, got)
	got, err = names(own, "", 2)
	require.NoError(t, err)
	require.Equal(t, []string{f.mark + "-0", f.mark + "-1"}, got)
	got, err = names("", workspace+"/"+f.mark+"-2, "+workspace+"/"+f.mark+"-1", 0)
	require.NoError(t, err)
	require.Equal(t, []string{f.mark + "-1", f.mark + "-2"}, got)
	_, err = names("", workspace+"/"+f.mark+"-9", 0)
	require.EqualError(t, err, "cluster "+workspace+"/"+f.mark+"-9 does not exist or has no namespace: give existing ones as NAMESPACE/NAME")
}

// until calls end once all texts have been written to it. It is not for concurrent use.
type until struct {
	bytes.Buffer
	texts []string
	end   func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	for _, text := range u.texts {
		if !strings.Contains(u.String(), text) {
			return n, err
		}
	}
	u.end()
	return n, err
}

func TestASummarySaysWhatWasDone(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const done = "2 agents, 2 BundleDeployments, 2 of them Ready, after "
	const acknowledged = "reports: 2 acknowledged" // agents may learn of it after the watch shows it
	out := &until{texts: []string{done, acknowledged}, end: cancel}
	play := simulate.Play{Options: quick(), Selector: "test=" + f.mark, Every: 100 * time.Millisecond}
	require.NoError(t, play.Run(ctx, shared.config, out, io.Discard))
	require.GreaterOrEqual(t, strings.Count(out.String(), done), 2, "one when the state was reached, and one at the end: %s", out)
	require.Contains(t, out.String(), acknowledged)

	play.Selector = "test=nobody"
	require.ErrorContains(t, play.Run(t.Context(), shared.config, out, io.Discard), "no selected Cluster has a namespace")
}

func TestASimulationEndsWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 0)
	var out bytes.Buffer
	play := simulate.Play{Options: quick(), Selector: "test=" + f.mark, For: 50 * time.Millisecond}
	require.NoError(t, play.Run(t.Context(), shared.config, &out, io.Discard))
	require.Contains(t, out.String(), "1 agents, 0 BundleDeployments")
}
