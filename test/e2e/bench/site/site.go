// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package site is where scenarios measure: one control plane for a whole run (real
// kube-apiserver and etcd, see package cluster), and in it one muster-apiserver with an
// etcd of its own that each scenario fills anew. Both etcds sync to disk before they
// acknowledge, as in production. Requests go straight to the one replica, without the
// aggregation layer, from this process, which shares the machine with all servers.
//
//	site.go    the control plane and Muster
//	client.go  clients that decode nothing
//	stream.go  watches
//	meter.go   memory, processor time and metrics of a server
//
// kube-controller-manager is stopped while something is measured: what it does about
// new objects is not what is compared.
package site

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// prefix is where Muster's keys are in its etcd, by default.
const prefix = "/muster"

// readyWithin is how long a start may take: a million reports take more than any fleet
// without.
const readyWithin = 10 * time.Minute

// Site is the control plane and Muster.
type Site struct {
	Control *cluster.ControlPlane
	Replica *cluster.Replica
	Etcd    *cluster.Etcd
	// Config is for requests straight to the replica, and Client one connection.
	Config *rest.Config
	Client *rest.RESTClient
	// Service is for requests by way of Muster's Service, which refuses connections
	// while the replica is not ready.
	Service *rest.Config

	owner cluster.T
}

// Start starts all of it, with an empty Muster. It ends with t.
func Start(t cluster.T) (*Site, error) {
	storage := cluster.EtcdOptions{Args: []string{"--unsafe-no-fsync=false"}, QuotaBytes: 8 << 30}
	s := &Site{Control: cluster.StartOn(t, storage), owner: t}
	s.Etcd = cluster.StartEtcd(t, 1, storage)
	muster := cluster.Install(t, s.Control, s.Etcd, cluster.Options{
		Replicas: 1, ServerOnly: true, Straight: true,
		Args: []string{"--shutdown-delay-duration=1s", "--v=0", "--profiling"},
	})
	muster.WaitReady(t)
	s.Replica, s.Service = muster.Replicas()[0], muster.Direct(s.Control.Config)
	s.Control.ControllerManager.Pause()
	t.Cleanup(s.Control.ControllerManager.Resume) // it has to take the installation away
	return s, s.connect()
}

// connect connects anew. A replica may be ready a moment before it has been told whose
// certificates it is to know, and to a connection from before its client remains
// anonymous.
func (s *Site) connect() error {
	const limit = 10 * time.Second
	s.Config = s.Replica.Direct(s.Control.Config)
	return poll.Until(s.owner.Context(), limit, func(ctx context.Context) (err error) {
		if s.Client, err = Connect(s.Config); err == nil {
			_, err = answer(ctx, s.Client.Get().AbsPath("/apis/"+Bundles.Group+"/"+Bundles.Version))
		}
		return err
	})
}

// Fill replaces what Muster holds. The replica is down meanwhile; the fleet's records
// are written straight into etcd, and the history before them is compacted away, so
// that the replica starts with nothing but the fleet. It returns how long the start
// took, from the process to the probe that says ready.
func (s *Site) Fill(ctx context.Context, f fleets.Fleet) (time.Duration, error) {
	s.Replica.Stop(s.owner)
	client := s.Etcd.Client(s.owner)
	for _, kind := range []string{"/log/", "/content/"} {
		if _, err := client.Delete(ctx, prefix+kind, clientv3.WithPrefix()); err != nil {
			return 0, err
		}
	}
	if err := fleets.Store(ctx, etcd.New(client, prefix), f); err != nil {
		return 0, fmt.Errorf("writing the fleet into etcd: %w", err)
	}
	if err := s.Compact(ctx); err != nil {
		return 0, err
	}
	return s.Begin()
}

// Compact makes etcd forget how its present state came to be, so that a start does not
// replay it.
func (s *Site) Compact(ctx context.Context) error {
	client := s.Etcd.Client(s.owner)
	response, err := client.Get(ctx, prefix, clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	_, err = client.Compact(ctx, response.Header.Revision, clientv3.WithCompactPhysical())
	return err
}

// Stop ends the replica as a rolling update does, and Begin starts it again; Begin
// returns how long it takes until it is ready.
func (s *Site) Stop() { s.Replica.Stop(s.owner) }

// Begin is described with Stop.
func (s *Site) Begin() (time.Duration, error) {
	begun := time.Now()
	s.Replica.Start(s.owner)
	s.Replica.WaitReadyWithin(s.owner, readyWithin)
	took := time.Since(begun)
	return took, s.connect()
}

// Log is Muster's log, for facts that come from another replica.
func (s *Site) Log() *etcd.Log { return etcd.New(s.Etcd.Client(s.owner), prefix) }

// Record is the value of one record of Muster's log.
func (s *Site) Record(ctx context.Context, key record.Key) ([]byte, error) {
	path := prefix + "/log/" + key.Path()
	response, err := s.Etcd.Client(s.owner).Get(ctx, path)
	if err == nil && len(response.Kvs) == 0 {
		err = fmt.Errorf("%s is not in etcd", path)
	}
	if err != nil {
		return nil, err
	}
	return response.Kvs[0].Value, nil
}

// Count is the number of keys below a prefix of Muster's log.
func (s *Site) Count(ctx context.Context, below string) (int, error) {
	response, err := s.Etcd.Client(s.owner).Get(ctx, prefix+"/log/"+below, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return int(response.Count), nil
}

// Stored returns the number of keys below a prefix of Muster's log, and their bytes.
func (s *Site) Stored(ctx context.Context, below string) (keys, bytes int, err error) {
	return Stored(ctx, s.Etcd.Client(s.owner), prefix+"/log/"+below)
}

// Stored returns the number of keys below a prefix of an etcd, and their bytes. For each
// page etcd counts all that is left, so it is not for a million.
func Stored(ctx context.Context, client *clientv3.Client, prefix string) (keys, bytes int, err error) {
	end := clientv3.GetPrefixRangeEnd(prefix)
	for key := prefix; ; {
		page, err := client.Get(ctx, key, clientv3.WithRange(end), clientv3.WithLimit(1000))
		if err != nil {
			return 0, 0, err
		}
		for _, kv := range page.Kvs {
			keys++
			bytes += len(kv.Key) + len(kv.Value)
		}
		if !page.More {
			return keys, bytes, nil
		}
		key = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
	}
}
