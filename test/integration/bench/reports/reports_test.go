// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	allinone "github.com/musterfleet/muster/cmd/muster/app"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry"
)

const (
	namespace = "fleet"
	clusters  = 50
	bundles   = 20
)

// fleet holds a running Muster with clusters x bundles BundleDeployments.
type fleet struct {
	config *rest.Config
	etcd   *clientv3.Client
	homes  []string
}

func start(b *testing.B) *fleet {
	b.Helper()
	klog.SetLogger(klog.Logger{})
	dir, f := b.TempDir(), &fleet{}
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := allinone.Run(ctx, &allinone.Options{DataDir: dir, BindAddress: allinone.DefaultBindAddress, Out: in, AdjustRegistry: func(c *registry.Config) { f.etcd = c.Client }})
		in.CloseWithError(err)
		done <- err
	}()
	b.Cleanup(func() { cancel(); require.NoError(b, <-done) })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	require.Contains(b, line, "ready")
	f.config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
	require.NoError(b, err)
	f.config.QPS = -1
	f.fill(b)
	return f
}

func (f *fleet) client(b *testing.B) versioned.Interface {
	b.Helper()
	config := rest.CopyConfig(f.config)
	config.UserAgent = "fleetagent/v0.0.0"
	c, err := versioned.NewForConfig(config)
	require.NoError(b, err)
	return c
}

func (f *fleet) fill(b *testing.B) {
	b.Helper()
	c := f.client(b).FleetV1alpha1()
	for i := range bundles {
		bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("app-%d", i)}}
		bundle.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: fmt.Sprintf("kind: ConfigMap\nname: %d", i)}}
		bundle.Spec.Helm = &v1alpha1.HelmOptions{ReleaseName: bundle.Name, Values: &v1alpha1.GenericMap{Data: map[string]any{
			"image": map[string]any{"repository": "registry.example.com/app", "tag": "v1.2.3"}, "replicas": int64(3),
		}}}
		bundle.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
		_, err := c.Bundles(namespace).Create(b.Context(), bundle, metav1.CreateOptions{})
		require.NoError(b, err)
	}
	for i := range clusters {
		made, err := c.Clusters(namespace).Create(b.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("c-%d", i)}}, metav1.CreateOptions{})
		require.NoError(b, err)
		if made.Status.Namespace == "" {
			made, err = c.Clusters(namespace).Get(b.Context(), made.Name, metav1.GetOptions{})
			require.NoError(b, err)
		}
		f.homes = append(f.homes, made.Status.Namespace)
	}
}

// report sends the n-th report, as Fleet's agent does, to one BundleDeployment after the
// other.
func (f *fleet) report(ctx context.Context, c versioned.Interface, n int) error {
	home, name := f.homes[n%clusters], fmt.Sprintf("app-%d", n/clusters%bundles)
	now := time.Now().UTC().Format(time.RFC3339)
	const id = "s-be968add86c1ff4ce035725b0843ab95990894ed8447dd25623692c014717:2b3eb1c0044dd55963b580c402f9703533c40396e53a2aa27a2ba991ec15d145"
	patch := fmt.Sprintf(`{"spec":{"options":{"helm":{"values":{"a":1}}},"stagedOptions":{"helm":{"values":{"a":1}}}},"status":{"appliedDeploymentID":%[1]q,`+
		`"conditions":[{"lastUpdateTime":%[2]q,"status":"True","type":"Installed"},{"lastUpdateTime":%[2]q,"status":"True","type":"Deployed"},{"lastUpdateTime":%[2]q,"status":"True","type":"Monitored"},{"lastUpdateTime":%[2]q,"status":"True","type":"Ready"}],`+
		`"nonModified":true,"ready":true,"release":"%[3]s/%[3]s:%[4]d","syncGeneration":0,"resourceCounts":{"desiredReady":3,"ready":3},`+
		`"resources":[{"apiVersion":"apps/v1","kind":"Deployment","name":%[3]q,"namespace":%[3]q,"createdAt":%[2]q},{"apiVersion":"v1","kind":"Service","name":%[3]q,"namespace":%[3]q,"createdAt":%[2]q},{"apiVersion":"v1","kind":"ConfigMap","name":%[3]q,"namespace":%[3]q,"createdAt":%[2]q}]}}`,
		id, now, name, n)
	_, err := c.FleetV1alpha1().BundleDeployments(home).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	return err
}

func BenchmarkReports(b *testing.B) {
	f := start(b)
	var next atomic.Int64
	for _, writers := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			before, err := f.etcd.Get(b.Context(), "/", clientv3.WithCountOnly())
			require.NoError(b, err)
			var clients []versioned.Interface
			for range writers {
				clients = append(clients, f.client(b))
			}
			var mu sync.Mutex
			var took []time.Duration
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			begun, used := time.Now(), cpu(b)
			var all sync.WaitGroup
			for _, c := range clients {
				all.Go(func() {
					var own []time.Duration
					for left.Add(-1) >= 0 {
						at := time.Now()
						if err := f.report(b.Context(), c, int(next.Add(1))); err != nil {
							b.Error(err)
							return
						}
						own = append(own, time.Since(at))
					}
					mu.Lock()
					defer mu.Unlock()
					took = append(took, own...)
				})
			}
			all.Wait()
			b.StopTimer()
			spent := cpu(b) - used
			after, err := f.etcd.Get(b.Context(), "/", clientv3.WithCountOnly())
			require.NoError(b, err)
			slices.Sort(took)
			b.ReportMetric(float64(len(took))/time.Since(begun).Seconds(), "reports/s")
			b.ReportMetric(float64(spent.Microseconds())/float64(len(took)), "cpu-µs/report")
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
			b.ReportMetric(float64(len(took))/float64(max(1, after.Header.Revision-before.Header.Revision)), "reports/revision")
		})
	}
	b.Logf("a report takes %d bytes in etcd", f.bytes(b))
}

// cpu returns the processor time that this process has used, for server, etcd and writers.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// bytes returns the size of a report in etcd, key and value.
func (f *fleet) bytes(b *testing.B) int {
	b.Helper()
	response, err := f.etcd.Get(b.Context(), "/muster/log/report/bundledeployments/", clientv3.WithPrefix())
	require.NoError(b, err)
	sum := 0
	for _, kv := range response.Kvs {
		require.True(b, strings.Contains(string(kv.Key), "app-"))
		sum += len(kv.Value)
	}
	return sum / max(1, len(response.Kvs))
}
