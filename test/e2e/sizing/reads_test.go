// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

var (
	reads  = flag.Int("reads", 3000, "how often each read of BenchmarkReads is done")
	writes = flag.Int("writes", 1000, "heartbeats that are written a second while BenchmarkReads finds the server busy")
)

// BenchmarkReads compares reads of the present, resourceVersion "", with what they cannot
// do without: a plain quorum read of the same etcd. Both are done in turns by one client,
// on a server to which nothing happens, and on one whose view changes all the time.
func BenchmarkReads(b *testing.B) {
	control := cluster.Start(b)
	_, err := control.Client.CoreV1().Namespaces().Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	require.NoError(b, err)
	storage := cluster.StartEtcd(b, 1, cluster.EtcdOptions{Args: []string{fmt.Sprintf("--unsafe-no-fsync=%v", !*fsync)}})
	muster := cluster.Install(b, control, storage, cluster.Options{Replicas: 1, ServerOnly: true, Args: []string{"--shutdown-delay-duration=1s", "--v=0"}})
	muster.WaitReady(b)
	config := muster.Replicas()[0].Direct(control.Config)
	c := connect(b, config)
	f := fleet{bundles: *bundles, clusters: *agents}
	f.load(b, c)
	places := homes(b, c)
	all, err := c.FleetV1alpha1().Clusters(namespace).List(b.Context(), metav1.ListOptions{})
	require.NoError(b, err)

	r := reader{storage.Client(b), restClient(b, config), places}
	var columns [2]map[string][]time.Duration
	var rate float64
	for i, way := range []string{"idle", "busy"} {
		b.Run(way, func(b *testing.B) {
			for b.Loop() {
				stop := func() float64 { return 0 }
				if way == "busy" {
					stop = heartbeats(b, storage.Client(b), *writes, all.Items)
				}
				columns[i] = r.measure(b)
				rate = stop()
				if way == "busy" {
					first, err := c.FleetV1alpha1().Clusters(namespace).Get(b.Context(), all.Items[0].Name, metav1.GetOptions{})
					require.NoError(b, err)
					require.Contains(b, first.Status.Agent.Namespace, "beat-", "the server follows what is written")
				}
				quorum := quantile(columns[i][readQuorum], 0.99)
				for _, name := range readNames {
					p99 := quantile(columns[i][name], 0.99)
					metric := strings.ReplaceAll(name, " ", "-")
					b.ReportMetric(p99, metric+"-p99-ms")
					b.ReportMetric(p99/quorum, metric+"-ratio")
				}
			}
		})
	}
	if columns[1] != nil {
		fmt.Fprintf(os.Stderr, "\n%s\n", readTable(columns, rate))
	}
}

const readQuorum = "quorum read of etcd"

// readNames are the reads in the order in which they take turns.
var readNames = []string{readQuorum, "get of one", "list of one", "list of an agent"}

// reader is one client of Muster, and of its etcd.
type reader struct {
	etcd   *clientv3.Client
	api    rest.Interface
	places []string
}

// restClient asks once, and decodes nothing: what is compared is the answer.
func restClient(b *testing.B, config *rest.Config) rest.Interface {
	b.Helper()
	own := rest.CopyConfig(config)
	own.QPS, own.Dial = -1, (&net.Dialer{}).DialContext
	own.APIPath, own.GroupVersion = "/apis", &v1alpha1.SchemeGroupVersion
	own.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	c, err := rest.RESTClientFor(own)
	require.NoError(b, err)
	return c
}

func (r reader) measure(b *testing.B) map[string][]time.Duration {
	b.Helper()
	took := map[string][]time.Duration{}
	for i := range *reads + *reads/10 {
		place := r.places[i%len(r.places)]
		for _, name := range readNames {
			ask := r.api.Get().Namespace(place).Resource("bundledeployments")
			began := time.Now()
			var err error
			switch name {
			case readQuorum:
				_, err = r.etcd.Get(b.Context(), "/muster/revision")
			case "get of one":
				_, err = ask.Name(bundleName(0)).DoRaw(b.Context())
			case "list of one":
				_, err = ask.Param("limit", "1").DoRaw(b.Context())
			case "list of an agent":
				_, err = ask.DoRaw(b.Context())
			}
			require.NoError(b, err, name)
			if i >= *reads/10 { // before, connections and caches of rights warm up
				took[name] = append(took[name], time.Since(began))
			}
		}
	}
	return took
}

// heartbeats writes the records that agents' heartbeats leave, at a rate, until stop,
// which says how many a second there were. They do not pass through the server: it is to
// be busy with following them, not with taking them.
func heartbeats(b *testing.B, client *clientv3.Client, rate int, clusters []v1alpha1.Cluster) (stop func() float64) {
	b.Helper()
	const beside = 64 // etcd syncs for many at once
	ctx, cancel := context.WithCancel(b.Context())
	log := etcd.New(client, "/muster")
	var written atomic.Int64
	var group sync.WaitGroup
	for w := range beside {
		group.Go(func() {
			tick := time.NewTicker(time.Second * beside / time.Duration(rate))
			defer tick.Stop()
			for i := w; ; i += beside {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				beats := &clusters[i%len(clusters)]
				status := &v1alpha1.Cluster{}
				status.Status.Agent.LastSeen = metav1.Now()
				status.Status.Agent.Namespace = fmt.Sprintf("beat-%d", i)
				report := &record.Report{UID: beats.UID, Status: status}
				data, err := report.Encode()
				if err == nil {
					key := record.ReportKey(record.Clusters, record.Name{Namespace: namespace, Name: beats.Name})
					_, _, err = log.Commit(ctx, etcd.Txn{Put: map[record.Key][]byte{key: data}})
				}
				if err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
				written.Add(1)
			}
		})
	}
	began := time.Now()
	return func() float64 {
		cancel()
		group.Wait()
		return float64(written.Load()) / time.Since(began).Seconds()
	}
}

func readTable(columns [2]map[string][]time.Duration, rate float64) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d × each, of %d Clusters with %d BundleDeployments; busy: %.0f writes a second; etcd syncs: %v\n\n", *reads, *agents, *bundles, rate, *fsync)
	out.WriteString("| | idle, p50 ms | p99 ms | p99 ratio | busy, p50 ms | p99 ms | p99 ratio |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, name := range readNames {
		fmt.Fprintf(&out, "| %s |", name)
		for _, took := range columns {
			fmt.Fprintf(&out, " %.2f | %.2f | %.2f |", quantile(took[name], 0.5), quantile(took[name], 0.99), quantile(took[name], 0.99)/quantile(took[readQuorum], 0.99))
		}
		out.WriteString("\n")
	}
	return out.String()
}
