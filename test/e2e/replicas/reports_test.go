// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/replay"
)

// counted is a counter in a status that one writer raises as fast as it can.
type counted struct {
	*ledger
	name  string
	write func(ctx context.Context, c versioned.Interface, n int) (revision string, err error)
	read  func(ctx context.Context, c versioned.Interface) (string, error)
}

// counters returns one counter in each report of a fleet and one in each heartbeat.
func counters(f fleet) []counted {
	var all []counted
	for i := range clusters {
		for _, bundle := range f.bundles() {
			all = append(all, counted{
				newLedger(), f.homes[i] + "/" + bundle,
				func(ctx context.Context, c versioned.Interface, n int) (string, error) {
					body := fmt.Sprintf(`{"spec":{"options":{"helm":{"values":{"loaded":true}}}},"status":{"release":"n%d","ready":true,"conditions":[{"type":"Ready","status":"True","lastUpdateTime":"2026-11-23T10:00:00Z"}]}}`, n)
					out, err := c.FleetV1alpha1().BundleDeployments(f.homes[i]).Patch(ctx, bundle, types.MergePatchType, []byte(body), metav1.PatchOptions{}, "status")
					return revisionOf(out, err), err
				},
				func(ctx context.Context, c versioned.Interface) (string, error) {
					out, err := c.FleetV1alpha1().BundleDeployments(f.homes[i]).Get(ctx, bundle, metav1.GetOptions{})
					if err != nil {
						return "", err
					}
					return out.Status.Release, nil
				},
			})
		}
		all = append(all, counted{
			newLedger(), clusterName(i),
			func(ctx context.Context, c versioned.Interface, n int) (string, error) {
				body := fmt.Sprintf(`[{"op":"add","path":"/status/agent","value":{"lastSeen":"2026-11-23T10:00:00Z","namespace":"n%d"}}]`, n)
				out, err := c.FleetV1alpha1().Clusters(f.namespace).Patch(ctx, clusterName(i), types.JSONPatchType, []byte(body), metav1.PatchOptions{}, "status")
				return revisionOf(out, err), err
			},
			func(ctx context.Context, c versioned.Interface) (string, error) {
				out, err := c.FleetV1alpha1().Clusters(f.namespace).Get(ctx, clusterName(i), metav1.GetOptions{})
				if err != nil {
					return "", err
				}
				return out.Status.Agent.Namespace, nil
			},
		})
	}
	return all
}

// testReportsSurvive kills servers, members of etcd, all of etcd, and servers and etcd at
// once, while agents report. At the end each replica has every acknowledged report.
func testReportsSurvive(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	r := replay.Rand(t)
	all := counters(newFleet(t, "survive", control.Config))
	ctx, cancel := background(t)
	var writers sync.WaitGroup
	t.Cleanup(writers.Wait)
	t.Cleanup(cancel)
	routes := ways(m)
	for i, each := range all {
		c := clientset(t, routes[i%2].config)
		writers.Go(func() {
			for ctx.Err() == nil {
				err := each.ledger.write(ctx, func(n int) (string, error) { return each.write(ctx, c, n) })
				if err == nil {
					continue
				}
				select { // writes fail for a while
				case <-ctx.Done():
				case <-time.After(pace):
				}
			}
		})
	}
	progress := func() {
		t.Helper()
		before := map[string]int{}
		for _, each := range all {
			before[each.name] = each.floor()
		}
		for _, each := range all {
			require.Eventually(t, func() bool { return each.floor() >= before[each.name]+2 }, within, pace, "the writer of %s makes no progress", each.name)
		}
	}
	progress()
	for range *rounds {
		for _, what := range r.Perm(4) {
			kill(t, m, etcd, r, what)
			progress()
		}
	}
	cancel()
	writers.Wait()
	checkCounters(t, m, all)
}

// kill ends something with SIGKILL, and starts it again.
func kill(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd, r *rand.Rand, what int) {
	t.Helper()
	replicas := m.Replicas()
	some := replicas[r.IntN(len(replicas))]
	members := []int{etcd.Leader(t)}
	switch what {
	case 0:
		members = nil
		t.Logf("kill %s", some.Name)
	case 1:
		some = nil
		t.Logf("kill the leader of etcd")
	case 2:
		some, members = nil, []int{0, 1, 2}
		t.Logf("kill all of etcd")
	default:
		members = []int{0, 1, 2}
		t.Logf("kill %s and all of etcd", some.Name)
	}
	for _, each := range members {
		etcd.Member(each).Kill()
	}
	if some != nil {
		some.Kill()
	}
	for _, each := range members {
		require.NoError(t, etcd.Member(each).Start())
	}
	for _, each := range members {
		require.NoError(t, etcd.WaitReady(t.Context(), each))
	}
	if some != nil {
		some.Start(t)
	}
	m.WaitReady(t)
}

func checkCounters(t *testing.T, m *cluster.Muster, all []counted) {
	t.Helper()
	acknowledged, unknown, lost := 0, 0, 0
	errors := map[string]int{}
	for _, each := range all {
		for _, replica := range m.Replicas() {
			c, shown := clientset(t, replica.Direct(control.Config)), ""
			require.EventuallyWithT(t, func(t *assert.CollectT) { // the replica may have just started
				var err error
				shown, err = each.read(context.Background(), c)
				assert.NoError(t, err)
			}, within, pace)
			n, err := strconv.Atoi(strings.TrimPrefix(shown, "n"))
			require.NoError(t, err, "%s shows %q", each.name, shown)
			if n < each.floor() {
				lost++
				t.Errorf("%s: %s shows %d, and %d was acknowledged", replica.Name, each.name, n, each.floor())
			}
			require.LessOrEqual(t, n, each.ceiling())
			require.False(t, each.wasRefused(n), "%s: %s shows %d, which was not written", replica.Name, each.name, n)
			if n > each.floor() {
				unknown++
			}
		}
		acknowledged += each.summarize(errors)
	}
	sizes := 0.0
	for _, replica := range m.Replicas() {
		sizes += metric(t, replica.Direct(control.Config), "muster_report_group_size_count")
	}
	t.Logf("SUMMARY reports survive: %d reports and heartbeats acknowledged, %d lost, %d shown that were not acknowledged and not refused; errors of writes %v; %.0f transactions since the last starts", acknowledged, lost, unknown, errors, sizes)
	require.Positive(t, acknowledged)
}
