// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Election configures how one replica is chosen to work.
type Election struct {
	// Client reaches the API server that holds the Lease of this namespace and name.
	Client          kubernetes.Interface
	Namespace, Name string
	// LeaseDuration is the time that others wait for a silent leader, RenewDeadline the
	// time after which a leader gives up renewing, and RetryPeriod the time between tries.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
}

// Elected is an election that is ready to run.
type Elected struct {
	lock     resourcelock.Interface
	election Election
	watchdog *leaderelection.HealthzAdaptor
}

// Electing prepares an election. The client is used for the Lease alone: it should
// have a timeout below RenewDeadline.
func Electing(e Election) (*Elected, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("leader election: %w", err)
	}
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name},
		Client:     e.Client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
	}
	// It reports a leader that continues after the end of its lease, because a clock jumped
	// or a goroutine hangs.
	return &Elected{lock: lock, election: e, watchdog: leaderelection.NewLeaderHealthzAdaptor(e.LeaseDuration)}, nil
}

// Check returns an error if this process continues to lead after the end of its lease.
func (l *Elected) Check() error { return l.watchdog.Check(nil) }

// Elect runs work while this process leads, until the context ends. It gives up the lease
// only when work has ended, so that the next leader neither waits for the lease to expire
// nor works beside this one.
func (l *Elected) Elect(ctx context.Context, work func(context.Context)) error {
	for ctx.Err() == nil {
		if err := l.term(ctx, work); err != nil {
			return err
		}
	}
	return nil
}

// term waits until this process leads, and works until the lease is lost.
func (l *Elected) term(ctx context.Context, work func(context.Context)) error {
	// The elector's context must end after the work, so it is not derived from ctx.
	candidacy, resign := context.WithCancel(context.WithoutCancel(ctx))
	defer resign()
	ended := make(chan struct{})
	var begun atomic.Bool
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            l.lock,
		LeaseDuration:   l.election.LeaseDuration,
		RenewDeadline:   l.election.RenewDeadline,
		RetryPeriod:     l.election.RetryPeriod,
		ReleaseOnCancel: true,
		WatchDog:        l.watchdog,
		Name:            l.election.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				begun.Store(true)
				defer close(ended)
				klog.InfoS("This process leads", "identity", l.lock.Identity())
				working, stop := context.WithCancel(leading)
				defer stop()
				defer context.AfterFunc(ctx, stop)()
				work(working)
				resign()
			},
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				if identity != l.lock.Identity() {
					klog.InfoS("Another process leads", "identity", identity)
				}
			},
		},
	})
	if err != nil {
		return fmt.Errorf("leader election (--leader-elect-lease-duration, --leader-elect-renew-deadline, --leader-elect-retry-period): %w", err)
	}
	// A candidate that does not lead has no work to wait for.
	defer context.AfterFunc(ctx, func() {
		if !begun.Load() {
			resign()
		}
	})()
	elector.Run(candidacy)
	if begun.Load() {
		<-ended
		if ctx.Err() == nil {
			klog.ErrorS(errors.New("the lease was lost"), "This process leads no more", "identity", l.lock.Identity())
		}
	}
	return nil
}
