// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// reports bounds the reports, each of which is a request.
var reports = flag.Int("reports", 10_000, "how many BundleDeployments get a report")

// BenchmarkFleet tells, of each fleet: what a replica needs when it has loaded it,
// when every agent watches, when agents have reported, and after a restart; and what
// etcd stores.
func BenchmarkFleet(b *testing.B) {
	control := cluster.Start(b)
	_, err := control.Client.CoreV1().Namespaces().Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	require.NoError(b, err)
	for _, size := range []fleet{{0, 1}, {100, 10}, {200, 50}, {500, 200}, {100, 1000}} {
		b.Run(fmt.Sprintf("%dbundles,%dclusters", size.bundles, size.clusters), func(b *testing.B) {
			for b.Loop() {
				measure(b, control, size)
			}
		})
	}
}

func measure(b *testing.B, control *cluster.ControlPlane, f fleet) {
	etcd := cluster.StartEtcd(b, 1, cluster.EtcdOptions{})
	muster := cluster.Install(b, control, etcd, cluster.Options{Replicas: 1, ServerOnly: true, Args: []string{"--shutdown-delay-duration=1s", "--v=0"}})
	muster.WaitReady(b)
	replica := muster.Replicas()[0]
	config := replica.Direct(control.Config)
	c := connect(b, config)
	note := func(name string, value float64) {
		b.ReportMetric(value, name)
		fmt.Fprintf(os.Stderr, "%d Bundles on %d Clusters: %s = %.1f\n", f.bundles, f.clusters, name, value)
	}

	cpu := processorTime(b, replica.Process)
	begun := time.Now()
	f.load(b, c)
	note("load-s", time.Since(begun).Seconds())
	note("load-cpu-s", processorTime(b, replica.Process)-cpu)
	note("loaded-MB", resident(b, replica.Process.Resident))
	places := homes(b, c)
	if f.bundles > 0 {
		list, err := c.FleetV1alpha1().BundleDeployments(places[0]).List(b.Context(), metav1.ListOptions{})
		require.NoError(b, err)
		require.Len(b, list.Items, f.bundles)
	}

	stop := watchAll(b, config, places)
	note("watched-MB", resident(b, replica.Process.Resident))
	cpu, begun = processorTime(b, replica.Process), time.Now()
	n := min(f.bundles*f.clusters, *reports)
	each(b, n, func(ctx context.Context, i int) error {
		return report(ctx, c, places[i%f.clusters], i/f.clusters)
	})
	if n > 0 {
		note("reports/s", float64(n)/time.Since(begun).Seconds())
		note("cpu-ms/report", (processorTime(b, replica.Process)-cpu)*1000/float64(n))
	}
	note("reported-MB", resident(b, replica.Process.Resident))
	note("peak-MB", resident(b, replica.Process.Peak))
	stop()

	stored(b, etcd, note)
	replica.Stop(b)
	begun = time.Now()
	replica.Start(b)
	replica.WaitReady(b)
	note("restart-s", time.Since(begun).Seconds())
	note("restarted-MB", resident(b, replica.Process.Resident))
}

// watchAll lets one client for each Cluster watch its BundleDeployments, as an agent
// does, over a connection of its own, until stop.
func watchAll(b *testing.B, config *rest.Config, homes []string) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	for _, home := range homes {
		c := connect(b, config)
		_, err := c.FleetV1alpha1().BundleDeployments(home).List(ctx, metav1.ListOptions{})
		require.NoError(b, err)
		w, err := c.FleetV1alpha1().BundleDeployments(home).Watch(ctx, metav1.ListOptions{AllowWatchBookmarks: true})
		require.NoError(b, err)
		go func() {
			for range w.ResultChan() { //nolint:revive // read and forgotten
			}
		}()
	}
	return cancel
}

// stored tells what is in etcd, by what it is.
func stored(b *testing.B, etcd *cluster.Etcd, note func(string, float64)) {
	response, err := etcd.Client(b).Get(b.Context(), "/muster/", clientv3.WithPrefix())
	require.NoError(b, err)
	bytes, count := map[string]int{}, map[string]int{}
	for _, kv := range response.Kvs {
		parts := strings.Split(strings.TrimPrefix(string(kv.Key), "/muster/"), "/")
		kind := parts[0]
		if kind == "log" {
			kind = strings.Join(parts[1:min(3, len(parts))], "-")
		}
		bytes[kind] += len(kv.Key) + len(kv.Value)
		count[kind]++
	}
	for kind, n := range count {
		if n >= 10 {
			note("B/"+kind, float64(bytes[kind])/float64(n))
		}
	}
	out, err := etcd.CtlAt(0, "endpoint", "status", "-w", "json")
	require.NoError(b, err)
	var status []struct {
		Status struct {
			DBSize      int64 `json:"dbSize"`
			DBSizeInUse int64 `json:"dbSizeInUse"`
		}
	}
	require.NoError(b, json.Unmarshal([]byte(out), &status))
	note("etcd-MB", float64(status[0].Status.DBSize)/1e6)
}

// resident is how much memory a process has, or had at most, in MB.
func resident(b *testing.B, of func() (int64, error)) float64 {
	b.Helper()
	bytes, err := of()
	require.NoError(b, err)
	return float64(bytes) / 1e6
}

// processorTime is what a process has used, in seconds.
func processorTime(b *testing.B, p *cluster.Process) float64 {
	b.Helper()
	used, err := p.ProcessorTime()
	require.NoError(b, err)
	return used.Seconds()
}
