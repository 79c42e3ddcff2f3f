// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"context"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/garbage"
	"github.com/musterfleet/muster/pkg/registry/endpoints"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/metrics"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

// askWithin bounds what a start asks kube-apiserver.
const askWithin = 30 * time.Second

// Run runs one replica until ctx ends, and answers nil if it then stopped
// cleanly.
//
// It asks the cluster, and etcd, before it answers, so that a replica that must not
// run here never answers anybody.
func Run(ctx context.Context, o *Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	made, err := o.configure(asking)
	if err != nil {
		return err
	}
	if err := checkGroup(asking, made.dynamic); err != nil {
		return err
	}
	client, err := o.Etcd.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return o.serve(ctx, made, client)
}

// serve runs everything above etcd, and returns when all of it has ended.
func (o *Options) serve(ctx context.Context, made *setup, client *clientv3.Client) error {
	// What requests in flight need outlives ctx: they are answered before the end.
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer end()

	secrets, err := o.Encryption.load(background, made.generic.APIServerID)
	if err != nil {
		return err
	}
	secrets.addTo(made.generic)
	shown, activity := metrics.Process(), new(storage.Activity)
	log := etcd.New(client, o.Etcd.Prefix, secrets.seals(), etcd.GroupsObservedBy(shown.Groups()))
	options := engine.DefaultOptions()
	options.Observers = shown.Observers()
	o.Engine.apply(&options)
	garbage.Limit()
	e := engine.New(log, options)
	storages, err := endpoints.New(endpoints.Config{
		Engine: e, Log: log, Scheme: server.Scheme, Codecs: server.Codecs,
		// kube-controller-manager collects garbage in the cluster.
		GarbageCollection: true,
		Activity:          activity,
		Reports:           o.Reports.allowance(),
	})
	if err != nil {
		return err
	}
	api, err := server.New(server.Config{Generic: made.generic, Informers: made.informers, Storage: storages, Ready: e.Ready, Reached: e.Reached, Unready: e.Unready})
	if err != nil {
		return err
	}
	defer shown.Show(e, activity)()
	tasks.Go(func() { _ = e.Run(background) }) // it ends only with its context
	tasks.Go(func() { etcd.Compact(background, client, o.Etcd.CompactionInterval, o.Engine.Window) })
	if secrets != nil && secrets.watch != nil {
		tasks.Go(func() { secrets.watch(background) })
	}
	klog.InfoS("Muster starts", "version", server.Version(), "etcd", o.Etcd.Servers, "prefix", o.Etcd.Prefix, "kubernetes", made.kubernetes.Host)
	if err := api.PrepareRun().RunWithContext(ctx); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
