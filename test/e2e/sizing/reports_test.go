// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/pkg/agent/wire"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

var (
	agents   = flag.Int("agents", 100, "simulated agents that report")
	bundles  = flag.Int("bundles", 20, "BundleDeployments of each simulated agent")
	inFlight = flag.Int("in-flight", 32, "reports that are under way at once")
	ownWatch = flag.Bool("own-watch", true, "each agent has a watch of its own; false: one watch for all, which saves memory")
	fsync    = flag.Bool("fsync", true, "both etcds sync to disk before they acknowledge, as in production")
)

// longest bounds one part of the benchmark, whatever its size.
const longest = 30 * time.Minute

// BenchmarkReports lets simulated agents report on all of their BundleDeployments at
// once: to Muster straight, to Muster behind kube-apiserver, and to custom resources
// of the same name, shape and size that the same kube-apiserver stores. It prints a
// table of all three.
func BenchmarkReports(b *testing.B) {
	storage := cluster.EtcdOptions{Args: []string{fmt.Sprintf("--unsafe-no-fsync=%v", !*fsync), "--quota-backend-bytes=8589934592"}}
	control := cluster.StartOn(b, storage)
	_, err := control.Client.CoreV1().Namespaces().Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	require.NoError(b, err)
	var results []result
	var places []string
	var shown []v1alpha1.BundleDeployment
	for _, behind := range []bool{false, true} {
		way := map[bool]string{false: "straight", true: "behind"}[behind]
		b.Run(way, func(b *testing.B) {
			for b.Loop() {
				var r result
				r, places, shown = toMuster(b, control, storage, behind)
				r.way = way
				results = append(results, r)
			}
		})
	}
	b.Run("custom", func(b *testing.B) {
		require.NotEmpty(b, shown, "the custom resources are copies of what Muster shows: run -bench Reports, not one part")
		for b.Loop() {
			r := toCustomResources(b, control, places, shown)
			r.way = "custom"
			results = append(results, r)
		}
	})
	if len(results) == 3 {
		fmt.Fprintf(os.Stderr, "\n%s\n", table(results))
	}
}

// toMuster measures a new Muster, and returns the namespaces of its Clusters and the
// BundleDeployments of the first.
func toMuster(b *testing.B, control *cluster.ControlPlane, storage cluster.EtcdOptions, behind bool) (result, []string, []v1alpha1.BundleDeployment) {
	b.Helper()
	etcd := cluster.StartEtcd(b, 1, storage)
	muster := cluster.Install(b, control, etcd, cluster.Options{Replicas: 1, Args: []string{"--shutdown-delay-duration=1s", "--v=0", "--profiling"}})
	replica := muster.Replicas()[0]
	config := replica.Direct(control.Config)
	c := connect(b, config)
	fleet{bundles: *bundles, clusters: *agents}.load(b, c)
	places := homes(b, c)
	first, err := c.FleetV1alpha1().BundleDeployments(places[0]).List(b.Context(), metav1.ListOptions{})
	require.NoError(b, err)
	require.Len(b, first.Items, *bundles)

	servers := []*cluster.Process{replica.Process, etcd.Member(0)}
	if behind {
		config = control.Config
		servers = append(servers, control.APIServer, control.Etcd.Member(0))
	}
	before := sizeOf(b, etcd, "/muster/")
	r := measureReports(b, config, places, servers, true)
	r.before, r.after = perDeployment(before), perDeployment(sizeOf(b, etcd, "/muster/"))
	r.reports = perDeployment(sizeOf(b, etcd, "/muster/log/report/bundledeployments/"))
	r.note(b)
	return r, places, first.Items
}

func toCustomResources(b *testing.B, control *cluster.ControlPlane, places []string, shown []v1alpha1.BundleDeployment) result {
	b.Helper()
	c := connect(b, control.Config)
	define(b, control, c)
	place(b, control, c, places, shown)
	const prefix = "/registry/" + v1alpha1.GroupName + "/bundledeployments/"
	before := sizeOf(b, control.Etcd, prefix)
	r := measureReports(b, control.Config, places, []*cluster.Process{control.APIServer, control.Etcd.Member(0)}, false)
	r.before, r.after = perDeployment(before), perDeployment(sizeOf(b, control.Etcd, prefix))
	r.note(b)
	return r
}

// measureReports lets all agents see what they have to do, opens a gate, and waits
// until each report is acknowledged and what it led to has been seen.
func measureReports(b *testing.B, config *rest.Config, homes []string, servers []*cluster.Process, rolledUp bool) result {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	c := connect(b, config)
	list, err := c.FleetV1alpha1().BundleDeployments("").List(ctx, metav1.ListOptions{Limit: 1})
	require.NoError(b, err)
	deployments := watchFrom(ctx, b, c, "", "bundledeployments", list.ResourceVersion)
	var rollUps *watcher
	if rolledUp {
		rollUps = watchFrom(ctx, b, connect(b, config), namespace, "bundles", list.ResourceVersion)
	}

	own := rest.CopyConfig(config)
	own.QPS, own.Dial = -1, (&net.Dialer{}).DialContext
	notes := &recorder{}
	own.Wrap(func(next http.RoundTripper) http.RoundTripper {
		notes.next = next
		return notes
	})
	up, err := wire.New(own)
	require.NoError(b, err)
	gate := make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	options := simulate.DefaultOptions()
	options.Delay, options.Heartbeat, options.Workers, options.OneWatch = 0, 0, *inFlight, !*ownWatch
	options.Outcome = func(*v1alpha1.BundleDeployment, int) simulate.Outcome {
		<-gate
		return simulate.Succeed
	}
	playing := simulate.New(up, agentsIn(homes), options, os.Stderr)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		playing.Run(ctx)
	}()
	defer func() { cancel(); release(); <-ended }()
	n := len(homes) * *bundles
	require.Eventually(b, func() bool { return playing.Synced() && playing.Stats().Events >= n }, longest, 100*time.Millisecond, "the agents do not get to know what to do")

	used := processorTimes(b, servers)
	begun := time.Now()
	release()
	require.Eventually(b, func() bool { return len(notes.acknowledged()) >= n }, longest, 50*time.Millisecond, "%d reports were expected; refused: %s", n, stringer(notes.refused))
	all := notes.acknowledged()
	r := result{reported: len(all), took: all[len(all)-1].done.Sub(begun), cpu: (processorTimes(b, servers) - used) / float64(len(all)), refused: notes.refused()}
	r.errors = playing.Stats().Errors
	different := map[types.NamespacedName]bool{}
	for _, a := range all {
		different[a.name] = true
		r.acknowledged = append(r.acknowledged, a.done.Sub(a.sent))
	}
	require.Len(b, different, n, "some BundleDeployments were reported twice and some not")
	r.seen = deployments.all(b, all, func(name types.NamespacedName) types.NamespacedName { return name })
	if rolledUp {
		r.rolledUp = rollUps.all(b, firstOfRevisions(all), func(name types.NamespacedName) types.NamespacedName {
			return types.NamespacedName{Namespace: namespace, Name: name.Name}
		})
	}
	return r
}

// firstOfRevisions returns the reports with the first resourceVersions of their revisions:
// the places of two resources in one revision cannot be compared.
func firstOfRevisions(reports []acknowledgement) []acknowledgement {
	out := slices.Clone(reports)
	for i := range out {
		out[i].revision = uint64(view.FirstOf(view.Version(out[i].revision).Revision()))
	}
	return out
}

// all is since when there is nothing to wait for any more.
func (w *watcher) all(b *testing.B, reports []acknowledgement, of func(types.NamespacedName) types.NamespacedName) []time.Duration {
	b.Helper()
	var out []time.Duration
	require.Eventually(b, func() bool {
		took, complete, err := w.since(reports, of)
		out = took
		return complete || err != nil
	}, 2*time.Minute, 100*time.Millisecond, "some reports led to no event")
	_, _, err := w.since(reports, of)
	require.NoError(b, err)
	return out
}

func agentsIn(homes []string) []simulate.Agent {
	all := make([]simulate.Agent, len(homes))
	for i, home := range homes {
		all[i] = simulate.Agent{Cluster: types.NamespacedName{Namespace: namespace, Name: clusterName(i)}, Namespace: home}
	}
	return all
}

// stringer prints what a function returns when it is printed.
type stringer func() string

func (s stringer) String() string { return s() }

func processorTimes(b *testing.B, all []*cluster.Process) (seconds float64) {
	b.Helper()
	for _, p := range all {
		seconds += processorTime(b, p)
	}
	return seconds
}

func perDeployment(bytes int) float64 { return float64(bytes) / float64(*agents**bundles) }

// sizeOf is the sum of the sizes of keys and values under a prefix, page by page.
func sizeOf(b *testing.B, etcd *cluster.Etcd, prefix string) (bytes int) {
	b.Helper()
	end := clientv3.GetPrefixRangeEnd(prefix)
	for key := prefix; ; {
		page, err := etcd.Client(b).Get(b.Context(), key, clientv3.WithRange(end), clientv3.WithLimit(1000))
		require.NoError(b, err)
		for _, kv := range page.Kvs {
			bytes += len(kv.Key) + len(kv.Value)
		}
		if !page.More {
			return bytes
		}
		key = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
	}
}
