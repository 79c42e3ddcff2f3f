// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller"
)

const within = 30 * time.Second

func TestMain(m *testing.M) {
	logged := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(logged)
	_ = logged.Set("logtostderr", "false") // the flag exists
	_ = logged.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard) // loops that fail on purpose
	os.Exit(m.Run())
}

func elected(t *testing.T, client *fake.Clientset) *controller.Elected {
	t.Helper()
	e, err := controller.Electing(controller.Election{
		Client: client, Namespace: "muster-system", Name: "muster-controller",
		LeaseDuration: 2 * time.Second, RenewDeadline: time.Second, RetryPeriod: 20 * time.Millisecond,
	})
	require.NoError(t, err)
	return e
}

// candidate is an election, and the end of its process.
type candidate struct {
	*controller.Elected
	stop context.CancelFunc
}

func TestOneOfThreeWorksAndTheNextTakesOverOnlyWhenItHasEnded(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	var working, terms atomic.Int64
	var mu sync.Mutex
	most := int64(0)
	var leader atomic.Pointer[candidate]
	var all sync.WaitGroup
	defer all.Wait()
	for range 3 {
		e := elected(t, client)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		own := &candidate{e, cancel}
		m := controller.NewManager(controller.Options{Elect: e.Elect})
		m.Add("loop", controller.LoopFunc(func(ctx context.Context) error {
			mu.Lock()
			most = max(most, working.Add(1))
			mu.Unlock()
			leader.Store(own)
			terms.Add(1)
			<-ctx.Done()
			working.Add(-1)
			return ctx.Err()
		}))
		all.Go(func() { _ = m.Run(ctx) })
	}
	for term := int64(1); term <= 3; term++ {
		require.Eventually(t, func() bool { return terms.Load() == term && working.Load() == 1 }, within, time.Millisecond)
		require.NoError(t, leader.Load().Check())
		leader.Load().stop()
	}
	all.Wait()
	require.EqualValues(t, 1, most, "two never work at a time")
	lease, err := client.CoordinationV1().Leases("muster-system").Get(t.Context(), "muster-controller", metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, *lease.Spec.HolderIdentity, "a process that ends gives up the lease")
}

func TestALeaderThatLosesTheLeaseStopsAndIsACandidateAgain(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	var unreachable atomic.Bool
	client.PrependReactor("*", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return unreachable.Load(), nil, errors.New("no answer")
	})
	e := elected(t, client)
	var starts, ends atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- e.Elect(ctx, func(ctx context.Context) {
			starts.Add(1)
			<-ctx.Done()
			ends.Add(1)
		})
	}()
	require.Eventually(t, func() bool { return starts.Load() == 1 }, within, time.Millisecond)
	unreachable.Store(true)
	require.Eventually(t, func() bool { return ends.Load() == 1 }, within, time.Millisecond)
	require.EqualValues(t, 1, starts.Load())
	unreachable.Store(false)
	require.Eventually(t, func() bool { return starts.Load() == 2 }, within, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.EqualValues(t, 2, ends.Load())
}
