// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// slowed returns an allowance with a clock that stands still.
func slowed(rate, burst int64) (*Allowance, *clock) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	a := NewAllowance(rate, burst)
	a.now = c.now
	return a, c
}

func TestAnAgentThatReportsTooMuchLearnsWhenToRetry(t *testing.T) {
	t.Parallel()
	ctx, _, edits := start(t)
	require.NoError(t, create(ctx, edits, "c"))
	require.NoError(t, create(ctx, edits, "other"))
	const rate, burst, size = 1000, 100_000, 30_000
	allowance, now := slowed(rate, burst)
	store := NewReports(record.Clusters, edits.engine, edits.log).Allow(allowance)
	asked := 0
	report := func(name string) error {
		random := make([]byte, size)
		_, err := rand.Read(random)
		require.NoError(t, err)
		return update(ctx, store, name, func(c *v1alpha1.Cluster) {
			asked++
			c.Status.Agent.Namespace = hex.EncodeToString(random)
		})
	}
	written := 0
	err := report("c")
	for ; err == nil; written++ {
		require.Less(t, written, burst/size+1, "the store accepted more than one report beyond the burst")
		err = report("c")
	}
	require.GreaterOrEqual(t, written, burst/size, "the store refused a report within the burst")
	before := asked
	err = report("c")
	require.Equal(t, before, asked, "a refused report costs nothing")
	code, after, message := status(t, err)
	require.EqualValues(t, 429, code)
	require.Positive(t, after)
	require.LessOrEqual(t, after, int32((size+burst)/rate))
	require.Contains(t, message, "Cluster ns/c may take 1000 bytes a second after the first 100000")
	require.Contains(t, message, "--report-rate")
	require.NoError(t, report("other"), "another agent is not affected")
	now.Time = now.Add(time.Duration(after) * time.Second)
	require.NoError(t, report("c"), "the stated wait is long enough")
	require.Error(t, report("c"))
	require.NoError(t, create(ctx, edits, "third"), "edits are not reports")
}

// encodedReport returns the sizes of the report of an agent that deployed that many
// objects.
func encodedReport(t *testing.T, objects int) (stored, text int) {
	t.Helper()
	bd := &v1alpha1.BundleDeployment{}
	bd.Status.AppliedDeploymentID, bd.Status.Ready = "s-0123456789abcdef0123456789abcdef:0123456789abcdef", true
	for i := range objects {
		bd.Status.Resources = append(bd.Status.Resources, v1alpha1.BundleDeploymentResource{Kind: "ConfigMap", APIVersion: "v1", Namespace: "apps", Name: fmt.Sprintf("cm-%05d", i)})
	}
	data, text, err := (&record.Report{Status: bd}).EncodeSized()
	require.NoError(t, err)
	return len(data), text
}

// TestHonestAgentsAreNotSlowed covers the first roll-out of 200 Bundles to a Cluster, with
// ten reports on each within one second, and reports that each list as many objects as etcd
// accepts.
func TestHonestAgentsAreNotSlowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                        string
		deployments, times, objects int
	}{
		{"charts", 200, 10, 50},
		{"large charts", 200, 10, 1000},
		{"as many objects as fit", 200, 1, 20_000},
	} {
		allowance, _ := slowed(DefaultReportRate, DefaultReportBurst)
		stored, text := encodedReport(t, c.objects)
		for range c.deployments * c.times {
			require.Zero(t, allowance.wait("agent"), c.name)
			allowance.charge("agent", stored, text)
		}
	}
}

func TestAnAllowanceForgetsAgentsWithoutADebt(t *testing.T) {
	t.Parallel()
	allowance, now := slowed(10, 100)
	for i := range 10 * fewAgents {
		allowance.charge(fmt.Sprint("agent-", i), 20, 0)
		now.Time = now.Add(time.Second)
	}
	require.LessOrEqual(t, len(allowance.mu.agents), fewAgents+2)
	allowance.charge("dense", 1, 16*150)
	require.Equal(t, 5100*time.Millisecond, allowance.wait("dense").Round(time.Millisecond), "a report that compresses well counts by its JSON")
	now.Time = now.Add(6 * time.Second)
	require.Zero(t, allowance.wait("dense"))
}
