// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// waitStates waits until the server shows the wanted number of BundleDeployments in each
// state.
func (f *fleet) waitStates(p *playing, wanted map[string]int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return fmt.Sprint(f.states()) == fmt.Sprint(wanted) }, within, poll,
		"%v instead of %v\n%s", state{f}, wanted, p.log)
}

// waitReports waits until the agents know that n reports have arrived. The server shows a
// report before its sender gets the answer.
func (p *playing) waitReports(n int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return p.Stats().Reports >= n }, within, poll, "%d reports\n%s", n, p.log)
}

// state prints the states at the time of printing.
type state struct{ *fleet }

func (s state) String() string { return fmt.Sprint(s.states()) }

func TestAllIsReadyAfterOneReportEach(t *testing.T) {
	t.Parallel()
	for _, oneWatch := range []bool{false, true} {
		t.Run(fmt.Sprintf("with one watch: %v", oneWatch), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 10, 3)
			options := quick()
			options.OneWatch = oneWatch
			p := f.play(options)
			f.waitStates(p, map[string]int{"Ready": 30})
			require.Eventually(t, func() bool { return p.Stats().Ready == 30 && p.Stats().Heartbeats == 10 }, within, poll)
			p.waitReports(30)
			p.end()
			s := p.Stats()
			require.Equal(t, []int{10, 30, 30, 0, 0, 0}, []int{s.Agents, s.Deployments, s.Reports, s.Conflicts, s.Errors, s.Gone}, "%s\n%s", s, p.log)
			require.Positive(t, s.P50)
			require.LessOrEqual(t, s.P50, s.P99)
			require.LessOrEqual(t, s.P99, s.Most)

			clusters, err := shared.client.FleetV1alpha1().Clusters(workspace).List(t.Context(), metav1.ListOptions{LabelSelector: "test=" + f.mark})
			require.NoError(t, err)
			for _, c := range clusters.Items {
				require.False(t, c.Status.Agent.LastSeen.IsZero())
				require.Equal(t, "3/3", c.Status.Display.ReadyBundles)
			}
		})
	}
}

func TestRestartedAgentsReportOnlyNews(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4, 2)
	first := f.play(quick())
	f.waitStates(first, map[string]int{"Ready": 8})
	first.end()

	options := quick()
	options.RestartEvery = 10 * time.Millisecond
	second := f.play(options)
	require.Eventually(t, func() bool { s := second.Stats(); return second.Synced() && s.Restarts > 20 && s.Reconciles > 40 }, within, poll)
	require.Zero(t, second.Stats().Reports, second.log)

	f.bundle(2, func(*v1alpha1.BundleSpec) {})
	f.waitStates(second, map[string]int{"Ready": 12})
}

func TestFailuresAreReportedAndEnd(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 6, 1)
	var mu sync.Mutex
	ends := map[string]simulate.Outcome{}
	for i, outcome := range []simulate.Outcome{simulate.Fail, simulate.Fail, simulate.Degrade, simulate.Drift, simulate.Succeed, simulate.Succeed} {
		ends[fmt.Sprintf("%s-%d", f.mark, i)] = outcome
	}
	options := quick()
	options.Recover = 0
	options.Outcome = func(bd *v1alpha1.BundleDeployment, attempt int) simulate.Outcome {
		mu.Lock()
		defer mu.Unlock()
		return ends[bd.Labels[v1alpha1.LabelCluster]]
	}
	p := f.play(options)
	f.waitStates(p, map[string]int{"ErrApplied": 2, "NotReady": 1, "Modified": 1, "Ready": 2})
	p.end()

	options.Recover = 20 * time.Millisecond
	options.Outcome = func(_ *v1alpha1.BundleDeployment, attempt int) simulate.Outcome {
		return []simulate.Outcome{simulate.Fail, simulate.Degrade, simulate.Drift, simulate.Succeed}[min(attempt, 3)]
	}
	f.waitStates(f.play(options), map[string]int{"Ready": 6})
}

func TestAnAgentDoesNothingWhileItIsPaused(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, 1)
	_, err := shared.client.FleetV1alpha1().Clusters(workspace).Patch(t.Context(), f.mark+"-0", types.MergePatchType, []byte(`{"spec":{"paused":true}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	f.bundle(1, func(*v1alpha1.BundleSpec) {})
	p := f.play(quick())
	// A version that came during the pause has not been released to it.
	f.waitStates(p, map[string]int{"Ready": 2, "WaitApplied": 1, "NotReady": 1})
	p.waitReports(2)
	require.Equal(t, 2, p.Stats().Reports)

	_, err = shared.client.FleetV1alpha1().Clusters(workspace).Patch(t.Context(), f.mark+"-0", types.MergePatchType, []byte(`{"spec":{"paused":false}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	f.waitStates(p, map[string]int{"Ready": 4})
}

func TestABundleIsDeployedAfterItsDependencies(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, 0)
	f.bundle(1, func(spec *v1alpha1.BundleSpec) { spec.DependsOn = []v1alpha1.BundleRef{{Name: f.bundleName(0)}} })
	p := f.play(quick())
	f.waitStates(p, map[string]int{"ErrApplied": 2})
	f.bundle(0, func(*v1alpha1.BundleSpec) {})
	f.waitStates(p, map[string]int{"Ready": 4})
}

func TestANewVersionIsReportedWhenItIsDeployed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, 1)
	options := quick()
	options.ReadyAfter = 20 * time.Millisecond
	p := f.play(options)
	f.waitStates(p, map[string]int{"Ready": 3})
	_, err := shared.client.FleetV1alpha1().Bundles(workspace).Patch(t.Context(), f.bundleName(0), types.MergePatchType, []byte(`{"spec":{"resources":[{"name":"b.yaml","content":"new"}]}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		list, err := shared.client.FleetV1alpha1().BundleDeployments("").List(t.Context(), metav1.ListOptions{LabelSelector: v1alpha1.LabelBundleName + "=" + f.bundleName(0)})
		require.NoError(t, err)
		for _, bd := range list.Items {
			if bd.Status.Release != "default/"+f.bundleName(0)+":2" || bd.Status.Display.State != "Ready" {
				return false
			}
		}
		return len(list.Items) == 3
	}, within, poll)
	p.waitReports(12)
	p.end()
	require.Equal(t, 12, p.Stats().Reports, "deployed, then ready, of two versions on three clusters")
}
