// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// sound are the flags of a server that may start.
var sound = []string{"--etcd-servers=https://127.0.0.1:2379", "--tls-cert-file=tls.crt", "--tls-private-key-file=tls.key"}

func parse(t *testing.T, args ...string) *Options {
	t.Helper()
	o := NewOptions()
	flags := pflag.NewFlagSet("muster-apiserver", pflag.ContinueOnError)
	for _, set := range o.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	require.NoError(t, flags.Parse(args))
	return o
}

func TestSoundOptionsAreAccepted(t *testing.T) {
	t.Parallel()
	require.NoError(t, parse(t, sound...).Validate())
	require.NoError(t, parse(t, append(sound[:3:3], "--authorization-always-allow-paths=/healthz,/readyz/*,/livez/ping,/metrics")...).Validate())
}

func TestErrorsNameTheMissingOrUnsafeFlag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no etcd", sound[1:], "--etcd-servers"},
		{"no certificate", sound[:1], "--tls-cert-file"},
		{"a certificate without its key", sound[:2], "--tls-private-key-file"},
		{"a prefix that is not a path", append(sound[:3:3], "--etcd-prefix=muster"), "--etcd-prefix"},
		{"everything as the prefix", append(sound[:3:3], "--etcd-prefix=/"), "--etcd-prefix"},
		{"kube-apiserver's prefix", append(sound[:3:3], "--etcd-prefix=/registry/"), "kube-apiserver"},
		{"a negative interval", append(sound[:3:3], "--etcd-compaction-interval=-1s"), "--etcd-compaction-interval"},
		{"a window that is too short", append(sound[:3:3], "--history-window=10s"), "--history-window"},
		{"a negative audit interval", append(sound[:3:3], "--self-audit-interval=-1s"), "--self-audit-interval"},
		{"no memory for history", append(sound[:3:3], "--history-memory=10k"), "--history-memory"},
		{"a burst of less than a report", append(sound[:3:3], "--report-burst=1Mi"), "--report-burst"},
		{"a negative rate of reports", append(sound[:3:3], "--report-rate=-1"), "--report-rate"},
		{"reload of nothing", append(sound[:3:3], "--encryption-provider-config-automatic-reload"), "--encryption-provider-config"},
		{"no front proxy", append(sound[:3:3], "--authentication-skip-lookup"), "--requestheader-client-ca-file"},
		{"any name for the front proxy", append(sound[:3:3], "--requestheader-client-ca-file=ca.crt"), "--requestheader-allowed-names"},
		{"all paths open", append(sound[:3:3], "--authorization-always-allow-paths=/*"), "would let every client in"},
		{"the group's paths open", append(sound[:3:3], "--authorization-always-allow-paths=/healthz,/apis/*"), "would let every client in"},
		{"no port", append(sound[:3:3], "--secure-port=0"), "--secure-port"},
		{"an admission plugin that does not exist", append(sound[:3:3], "--enable-admission-plugins=Nothing"), "Nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, parse(t, c.args...).Validate(), c.want)
		})
	}
}

func TestFlagsThatWouldStartAnOpenServerAreNotOffered(t *testing.T) {
	t.Parallel()
	offered := map[string]*pflag.Flag{}
	for _, set := range NewOptions().Flags().FlagSets {
		set.VisitAll(func(f *pflag.Flag) { offered[f.Name] = f })
	}
	for _, name := range withheld {
		require.NotContains(t, offered, name)
	}
	require.Equal(t, "false", offered["profiling"].DefValue, "profiling is off unless asked for")
	require.Equal(t, "true", offered["enable-priority-and-fairness"].DefValue)
	require.Equal(t, "true", offered["shutdown-send-retry-after"].DefValue)
	for _, name := range []string{"audit-policy-file", "tracing-config-file", "feature-gates", "encryption-provider-config", "admission-control-config-file", "requestheader-allowed-names"} {
		require.Contains(t, offered, name)
	}
}

func TestTheRateOfReportsHasADefaultAndCanBeTakenAway(t *testing.T) {
	t.Parallel()
	require.NotNil(t, parse(t, sound...).Reports.allowance())
	without := parse(t, append(sound[:3:3], "--report-rate=0")...)
	require.NoError(t, without.Validate())
	require.Nil(t, without.Reports.allowance())
}

// TestNoClientCanHoldAServerByDefault: what bounds one client is the API machinery's, and
// on unless it is turned off.
func TestNoClientCanHoldAServerByDefault(t *testing.T) {
	t.Parallel()
	o := parse(t, sound...)
	require.True(t, o.Features.EnablePriorityAndFairness, "each user has a queue")
	require.Positive(t, o.Server.MaxRequestsInFlight)
	require.Positive(t, o.Server.MaxMutatingRequestsInFlight)
	require.Positive(t, o.Server.RequestTimeout)
	require.Positive(t, o.Server.MaxRequestBodyBytes)
	require.Positive(t, o.Serving.HTTP2MaxStreamsPerConnection)
}
