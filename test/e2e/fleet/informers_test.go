// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// informersVariable makes this test binary one process with the informers that each of
// Fleet's programs has. Its value is a kubeconfig.
const informersVariable = "MUSTER_FLEET_INFORMERS"

// cost holds the costs of such informers.
type cost struct {
	Deployments int
	Seconds     float64 // until they were synced
	Heap        int64   // in bytes, after a collection, more than without them
	Resident    int64
}

// logInformers starts informers in a process of their own, and logs what they cost.
func logInformers(t *testing.T, deployments int) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	p := cluster.Prepare(t, "informers", program, append(os.Environ(), informersVariable+"="+control.Kubeconfig(t, control.Config)))
	require.NoError(t, p.Start())
	var c cost
	poll.Eventually(t, patience, func(context.Context) error {
		line, complete := strings.CutSuffix(p.Log(), "\n")
		if !complete {
			return fmt.Errorf("no result: %s", p.Tail())
		}
		return json.Unmarshal([]byte(line), &c)
	})
	c.Resident, err = p.Peak()
	require.NoError(t, err)
	p.Kill()
	require.GreaterOrEqual(t, c.Deployments, deployments)
	t.Logf("informers of %d BundleDeployments, the Bundles and the GitRepos: synced in %.2fs, heap %.1f MiB (%d bytes for each BundleDeployment), peak of the process %.0f MiB",
		c.Deployments, c.Seconds, float64(c.Heap)/(1<<20), c.Heap/int64(c.Deployments), float64(c.Resident)/(1<<20))
}

// runInformers is the process.
func runInformers(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	c, err := cache.New(config, cache.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, object := range []client.Object{&v1alpha1.GitRepo{}, &v1alpha1.Bundle{}, &v1alpha1.BundleDeployment{}} {
		if _, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	before, began := heap(), time.Now()
	go func() { _ = c.Start(ctx) }()
	if !c.WaitForCacheSync(ctx) {
		return fmt.Errorf("not synced")
	}
	took := time.Since(began).Seconds()
	all := &v1alpha1.BundleDeploymentList{}
	if err := c.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	result := cost{Deployments: len(all.Items), Seconds: took}
	all = nil
	result.Heap = heap() - before
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		return err
	}
	runtime.KeepAlive(c)
	select {}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
