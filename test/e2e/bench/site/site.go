// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package site is the place of measurements: one control plane for a whole run (real
// kube-apiserver and etcd, see package cluster), and one muster-apiserver with an etcd of
// its own that each scenario fills anew. Both etcds sync to disk before they acknowledge,
// as in production. Requests go from this process directly to the one replica, without the
// aggregation layer. The process shares the machine with all servers.
//
//	site.go    the control plane and Muster
//	client.go  clients that decode nothing
//	stream.go  watches, of Muster and of etcd
//	meter.go   memory, processor time and metrics of a server
//
// kube-controller-manager is stopped during measurements: its work for new objects is not
// part of the comparison.
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

// prefix is the default prefix of Muster's keys in etcd.
const prefix = "/muster"

// readyWithin bounds the time of a start: a million reports take longer than any fleet
// without reports.
const readyWithin = 10 * time.Minute

// Site is the control plane and Muster.
type Site struct {
	Control *cluster.ControlPlane
	Replica *cluster.Replica
	Etcd    *cluster.Etcd
	// Config is for direct requests to the replica, Client a client with one connection.
	Config *rest.Config
	Client *rest.RESTClient
	// Service is for requests through Muster's Service, which refuses connections while the
	// replica is not ready.
	Service *rest.Config

	owner cluster.T
}

// Start starts everything, with an empty Muster. It stops with t.
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
	return s, s.connect()
}

// connect opens a new connection. A replica may be ready a moment before it knows the
// authority of clients' certificates. A client that connected before that remains
// anonymous.
func (s *Site) connect() error {
	const limit = 10 * time.Second
	s.Config = s.Replica.Direct(s.Control.Config)
	return poll.Until(s.owner.Context(), limit, func(ctx context.Context) (err error) {
		if s.Client, err = Connect(s.Config); err == nil {
			_, err = Answer(ctx, s.Client.Get().AbsPath("/apis/"+Bundles.Group+"/"+Bundles.Version))
		}
		return err
	})
}

// Fill replaces the contents of Muster, while the replica is down. It writes the fleet's
// records directly into etcd and compacts the history before them, so that the replica
// starts with the fleet alone. It returns the time from the start of the process to a
// successful readiness probe.
func (s *Site) Fill(ctx context.Context, f fleets.Fleet) (time.Duration, error) {
	s.Replica.Stop(s.owner)
	client := s.EtcdClient()
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

// Compact makes etcd forget the history before its current state, so that a start does not
// replay it.
func (s *Site) Compact(ctx context.Context) error {
	response, err := s.EtcdClient().Get(ctx, prefix, clientv3.WithCountOnly())
	if err == nil {
		_, err = s.EtcdClient().Compact(ctx, response.Header.Revision, clientv3.WithCompactPhysical())
	}
	return err
}

// Stop stops the replica as a rolling update does, and Begin starts it again. Begin returns
// the time until it is ready.
func (s *Site) Stop() { s.Replica.Stop(s.owner) }

// Begin is described with Stop.
func (s *Site) Begin() (time.Duration, error) {
	begun := time.Now()
	s.Replica.Start(s.owner)
	s.Replica.WaitReadyWithin(s.owner, readyWithin)
	took := time.Since(begun)
	return took, s.connect()
}

// EtcdClient returns a client of Muster's etcd, and ControlClient one of kube-apiserver's.
func (s *Site) EtcdClient() *clientv3.Client { return s.Etcd.Client(s.owner) }

// ControlClient is described with EtcdClient.
func (s *Site) ControlClient() *clientv3.Client { return s.Control.Etcd.Client(s.owner) }

// Log returns Muster's log, for facts that come from another replica.
func (s *Site) Log() *etcd.Log { return etcd.New(s.EtcdClient(), prefix) }

// Record returns the value of one record of Muster's log.
func (s *Site) Record(ctx context.Context, key record.Key) ([]byte, error) {
	path := prefix + "/log/" + key.Path()
	response, err := s.EtcdClient().Get(ctx, path)
	if err == nil && len(response.Kvs) == 0 {
		err = fmt.Errorf("%s is not in etcd", path)
	}
	if err != nil {
		return nil, err
	}
	return response.Kvs[0].Value, nil
}

// Count returns the number of keys below a prefix of Muster's log.
func (s *Site) Count(ctx context.Context, below string) (int, error) {
	response, err := s.EtcdClient().Get(ctx, prefix+"/log/"+below, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return int(response.Count), nil
}

// Stored returns the number of keys below a prefix of Muster's log, and their bytes.
func (s *Site) Stored(ctx context.Context, below string) (keys, bytes int, err error) {
	return Stored(ctx, s.EtcdClient(), prefix+"/log/"+below)
}

// Stored returns the number of keys below a prefix of an etcd, and their bytes. It is too
// slow for a million keys, because etcd counts all remaining keys for each page.
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
