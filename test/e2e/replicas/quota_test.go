// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// quota is in bytes.
const quota = 16 << 20

func TestAFullEtcdStopsOnlyWrites(t *testing.T) {
	m, etcd := install(t, 3, cluster.EtcdOptions{QuotaBytes: quota}, cluster.Options{Replicas: 2})
	f := newFleet(t, "quota", control.Config)
	aggregated, straight := clientset(t, control.Config), clientset(t, m.Direct(control.Config))
	_, err := f.label(t.Context(), aggregated, 0, 1)
	require.NoError(t, err)
	list, err := dynamicClient(t, m.Direct(control.Config)).Resource(resource("bundledeployments")).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	w, err := dynamicClient(t, control.Config).Resource(resource("bundledeployments")).Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	require.NoError(t, err)
	defer w.Stop()

	requireFull(t, m, 0)
	lost := losses(m)
	etcd.Fill(t)
	// etcd may still accept a small write while the alarm spreads.
	n := 1
	require.Eventually(t, func() bool {
		n++
		_, err = f.label(t.Context(), aggregated, 1, n)
		return err != nil
	}, within, pace, "writes continue in a full etcd")
	t.Logf("a write into a full etcd fails: %v", err)
	for name, write := range map[string]func() error{
		"label":  func() error { _, err := f.label(t.Context(), straight, 2, 1); return err },
		"edit":   func() error { _, err := f.edit(t.Context(), aggregated, everywhere, 1); return err },
		"report": func() error { _, err := f.report(t.Context(), straight, 3, 1); return err },
		"create": func() error {
			_, err := aggregated.FleetV1alpha1().Bundles("quota").Create(t.Context(), newBundle("quota", "new"), metav1.CreateOptions{})
			return err
		},
	} {
		err := write()
		require.Error(t, err, name)
		for _, part := range []string{"was not written", "etcd is full", "--quota-backend-bytes", "alarm disarm"} {
			require.Contains(t, err.Error(), part, name)
		}
	}

	requireFull(t, m, 1)
	// Reads, lists and watches continue. With the pauses, so many reads take longer than a
	// replica stays ready without etcd. Each replica itself must be ready; a probe of the
	// Service may also fail because the machine is busy.
	const reads = 50
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for range reads {
		<-ticker.C
		for _, each := range m.Replicas() {
			ready, err := ask(t.Context(), each.Direct(control.Config), http.MethodGet, "/readyz?verbose", "")
			require.NoError(t, err, each.Name)
			require.Equal(t, http.StatusOK, ready.status, "%s: %s", each.Name, ready.body)
		}
		got, err := aggregated.FleetV1alpha1().BundleDeployments("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(got.Items), clusters)
		_, err = straight.FleetV1alpha1().BundleDeployments(f.homes[0]).Get(t.Context(), everywhere, metav1.GetOptions{})
		require.NoError(t, err)
	}
	// A deletion frees space, and is shown.
	require.NoError(t, aggregated.FleetV1alpha1().Bundles("quota").Delete(t.Context(), sometimesName(0), metav1.DeleteOptions{}))
	deleted := until(t, w, func(e watch.Event, o *unstructured.Unstructured) bool {
		return e.Type == watch.Deleted && o.GetName() == sometimesName(0)
	})
	require.NotEmpty(t, deleted.GetResourceVersion())

	cluster.NewOperator(t, control, m, etcd).MakeRoom(t)
	requireFull(t, m, 0)
	require.Eventually(t, func() bool {
		n++
		_, err = f.label(t.Context(), aggregated, 1, n)
		return err == nil
	}, within, pace, "writes do not continue")
	until(t, w, func(_ watch.Event, o *unstructured.Unstructured) bool {
		if o.GetNamespace() != f.homes[1] || o.GetName() != everywhere {
			return false
		}
		s, err := readShown(o)
		return err == nil && s.count == n
	})
	require.Equal(t, lost, losses(m), "a full etcd has made a replica unready")
	m.WaitReady(t)
}

// until waits for an event, and returns its object.
func until(t *testing.T, w watch.Interface, want func(watch.Event, *unstructured.Unstructured) bool) *unstructured.Unstructured {
	t.Helper()
	limit := time.After(within)
	for {
		select {
		case e, open := <-w.ResultChan():
			require.True(t, open, "the watch ended")
			o, ok := e.Object.(*unstructured.Unstructured)
			require.True(t, ok, "%v", e.Object)
			if want(e, o) {
				return o
			}
		case <-limit:
			require.Fail(t, "an event did not arrive")
		}
	}
}

// requireFull waits until each replica shows whether etcd is full. A replica logs each
// change once, however many writes fail.
func requireFull(t *testing.T, m *cluster.Muster, full float64) {
	t.Helper()
	for _, r := range m.Replicas() {
		value := func(name string) float64 { return metric(t, r.Direct(control.Config), name) }
		poll.Eventually(t, within, func(ctx context.Context) error {
			shown, err := readMetric(ctx, r.Direct(control.Config), "muster_etcd_full")
			if err != nil {
				return poll.Stop(err)
			}
			if shown != full {
				return fmt.Errorf("%s shows muster_etcd_full %v, not %v", r.Name, shown, full)
			}
			return nil
		})
		require.EqualValues(t, quota, value("muster_etcd_db_quota_bytes"))
		size := value("muster_etcd_db_size_bytes")
		require.Positive(t, size)
		if full == 1 {
			require.Greater(t, size, float64(quota)*3/4)
		}
		log := r.Process.Log()
		refuses, accepts := strings.Count(log, `"etcd refuses writes`), strings.Count(log, `"etcd is not full any more`)
		require.LessOrEqual(t, refuses, 1)
		require.LessOrEqual(t, accepts, 1)
		require.EqualValues(t, full, refuses-accepts, r.Name)
	}
}
