// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
)

// binary holds the path of muster, built once.
var binary struct {
	once sync.Once
	dir  string
	err  error
}

func built(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "muster-binary-"); binary.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(binary.dir, "muster"), "github.com/musterfleet/muster/cmd/muster")
		if out, err := build.CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(t, binary.err)
	return filepath.Join(binary.dir, "muster")
}

// process runs muster as a process that can be killed. Port 0 takes a free port.
func process(t *testing.T, dataDir string, port int) (s *server, kill func()) {
	t.Helper()
	command := exec.Command(built(t), "--data-dir", dataDir, "--secure-port", strconv.Itoa(port))
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	var once sync.Once
	kill = func() {
		once.Do(func() {
			_ = command.Process.Kill() // SIGKILL; the process may have ended
			_ = command.Wait()         // its error is the kill
		})
	}
	t.Cleanup(kill)
	ready := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		ready <- line
	}()
	select {
	case line := <-ready:
		require.True(t, strings.HasPrefix(line, "muster is ready on "), "the server said %q", line)
	case <-time.After(within):
		require.FailNow(t, "the server was not ready in time")
	}
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dataDir, "kubeconfig"))
	require.NoError(t, err)
	config.QPS = -1
	return &server{dataDir: dataDir, config: config}, kill
}

// acknowledged holds the writes that were answered before the server was killed.
type acknowledged struct {
	last     int
	revision int64
}

func TestAKilledServerKeepsAllThatItAcknowledged(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "data")
	s, kill := process(t, dataDir, 0)
	c := s.clientset(t)
	broken(t, s)
	for i := range 4 {
		createCluster(t, c, cluster("ns", name("w", i), "env", "test"))
	}
	createBundle(t, c, templated("ns", "counted", "v${ index .ClusterLabels \"count\" }", "counted", "yes"))
	still := contents(t, s)
	list := listOf(t, s.resource(t, "bundledeployments", ""))

	// Writers count in labels and in reports until the server is killed.
	const enough = 30
	acked := make([]acknowledged, 4)
	var all, busy sync.WaitGroup
	busy.Add(len(acked))
	for i := range acked {
		own := s.clientset(t)
		all.Go(func() {
			done := sync.OnceFunc(busy.Done)
			defer done()
			for n := 1; n < 100_000; n++ {
				patch := fmt.Sprintf(`{"metadata":{"labels":{"counted":"yes","count":"%d"}}}`, n)
				out, err := own.FleetV1alpha1().Clusters("ns").Patch(t.Context(), name("w", i), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
				if err != nil {
					return // killed
				}
				var revision int64
				if _, err := fmt.Sscan(out.ResourceVersion, &revision); err != nil {
					t.Error(err)
					return
				}
				acked[i] = acknowledged{n, revision}
				if n == enough {
					done()
				}
			}
		})
	}
	busy.Wait()
	kill()
	all.Wait()

	again, _ := process(t, dataDir, 0)
	after := contents(t, again)
	for key, was := range still {
		require.Equal(t, was, after[key], key)
	}
	now := listOf(t, again.resource(t, "bundledeployments", ""))
	for i, a := range acked {
		require.GreaterOrEqual(t, a.last, enough, "the writer had not written enough when the server was killed")
		require.GreaterOrEqual(t, number(t, now.GetResourceVersion()), a.revision, "the server went back in time")
		cl := fetch(t, again.clientset(t).FleetV1alpha1().Clusters("ns"), name("w", i))
		// The one write without an answer may have been stored or not.
		require.Contains(t, []string{fmt.Sprint(a.last), fmt.Sprint(a.last + 1)}, cl.Labels["count"])
		d := get(t, again.resource(t, "bundledeployments", home("ns", name("w", i))), "counted")
		require.Equal(t, "v"+cl.Labels["count"], value(t, d))
	}
	// A watch from before continues, and its fold equals the list.
	f := &fold{items: byKey(list.Items), revision: number(t, list.GetResourceVersion())}
	want := byKey(listOf(t, again.resource(t, "bundledeployments", "")).Items)
	w := watching(t, again.resource(t, "bundledeployments", ""), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	for len(f.items) < len(want) || differ(want, f.items) {
		require.NoError(t, f.take(w.raw()))
	}
}

// differ reports whether the objects differ in anything except their resource version,
// which a restart may raise.
func differ(a, b map[string]unstructured.Unstructured) bool {
	for key, item := range a {
		other, found := b[key]
		if !found {
			return true
		}
		one, two := item.DeepCopy(), other.DeepCopy()
		one.SetResourceVersion("")
		two.SetResourceVersion("")
		if !equality.Semantic.DeepEqual(one, two) {
			return true
		}
	}
	return false
}
