// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	allinone "github.com/musterfleet/muster/cmd/muster/app"
	"github.com/musterfleet/muster/cmd/muster/app/embedded"
	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

const (
	// within bounds every wait for something that must happen soon.
	within = 30 * time.Second
	poll   = 20 * time.Millisecond
)

// shared is the server that all tests use, each with Clusters of its own.
var shared struct {
	config *rest.Config
	client versioned.Interface
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-agents-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := allinone.Run(ctx, &allinone.Options{DataDir: dir, BindAddress: allinone.DefaultBindAddress, Out: in, AdjustEtcd: embedded.WithoutSync})
		in.CloseWithError(err)
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		panic(err)
	}
	shared.config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
	if err != nil {
		panic(err)
	}
	shared.config.QPS = -1
	if shared.client, err = versioned.NewForConfig(shared.config); err != nil {
		panic(err)
	}
	return m.Run()
}

var fleets atomic.Int32

// fleet holds Clusters and their Bundles, separate from those of other tests.
type fleet struct {
	t    *testing.T
	mark string
}

const workspace = "fleet-default"

// newFleet creates Clusters and Bundles that target all of them.
func newFleet(t *testing.T, clusters, bundles int) *fleet {
	t.Helper()
	f := &fleet{t: t, mark: fmt.Sprintf("f%d", fleets.Add(1))}
	for i := range clusters {
		_, err := shared.client.FleetV1alpha1().Clusters(workspace).Create(t.Context(), &v1alpha1.Cluster{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", f.mark, i), Labels: map[string]string{"test": f.mark}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for i := range bundles {
		f.bundle(i, func(*v1alpha1.BundleSpec) {})
	}
	return f
}

func (f *fleet) bundle(i int, change func(*v1alpha1.BundleSpec)) {
	f.t.Helper()
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: f.bundleName(i)}, Spec: v1alpha1.BundleSpec{
		Resources: []v1alpha1.BundleResource{{Name: "a.yaml", Content: f.bundleName(i)}},
		Targets:   []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"test": f.mark}}}}},
	}}
	change(&b.Spec)
	_, err := shared.client.FleetV1alpha1().Bundles(workspace).Create(f.t.Context(), b, metav1.CreateOptions{})
	require.NoError(f.t, err)
}

func (f *fleet) bundleName(i int) string { return fmt.Sprintf("%s-bundle-%d", f.mark, i) }

// states returns the number of BundleDeployments of the fleet in each state.
func (f *fleet) states() map[string]int {
	f.t.Helper()
	counts := map[string]int{}
	list, err := shared.client.FleetV1alpha1().BundleDeployments("").List(f.t.Context(), metav1.ListOptions{})
	require.NoError(f.t, err)
	for i := range list.Items {
		if bd := &list.Items[i]; strings.HasPrefix(bd.Labels[v1alpha1.LabelCluster], f.mark+"-") {
			counts[bd.Status.Display.State]++
		}
	}
	return counts
}

// playing holds agents that run.
type playing struct {
	*simulate.Fleet
	t   *testing.T
	end func()
	log *log
}

// play starts the agents of the fleet, which stop at the end of the test.
func (f *fleet) play(options simulate.Options) *playing {
	f.t.Helper()
	agents, err := simulate.Select(f.t.Context(), shared.config, "test="+f.mark, "", 0)
	require.NoError(f.t, err)
	up, err := upstream.New(shared.config)
	require.NoError(f.t, err)
	p := &playing{t: f.t, log: &log{}}
	p.Fleet = simulate.New(up, agents, options, p.log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Run(ctx)
	}()
	p.end = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	f.t.Cleanup(p.end)
	return p
}

// log holds the errors that the agents write.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// quick returns options with which tests need not wait.
func quick() simulate.Options {
	o := simulate.DefaultOptions()
	o.Delay, o.Recover, o.DependencyRetry, o.FirstHeartbeat = 10*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond, time.Millisecond
	return o
}
