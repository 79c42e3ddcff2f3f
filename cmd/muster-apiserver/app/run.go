// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/cmd/muster-apiserver/app/preflight"
	"github.com/musterfleet/muster/pkg/certificates"
	"github.com/musterfleet/muster/pkg/garbage"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/restore"
)

// askWithin bounds how long a start waits for answers of kube-apiserver.
const askWithin = 30 * time.Second

// Run runs one replica until ctx ends. It returns nil if the replica stopped cleanly.
//
// It checks the cluster and etcd before it serves, so that a replica that must not run
// here never answers a client.
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
	if err := preflight.CheckGroup(asking, made.dynamic); err != nil {
		return err
	}
	expiring := certificates.New(o.certificates(made)...)
	defer expiring.Start(ctx)() // before the connection to etcd, which may refuse an expired one
	made.generic.ReadyzChecks = append(made.generic.ReadyzChecks, expiring.Check())
	options := engine.DefaultOptions()
	o.Engine.apply(&options)
	lease, err := restore.New(o.Restore, made.kubernetes)
	if err != nil {
		return err
	}
	if err := lease.Apply(asking, &options); err != nil {
		return err
	}
	client, err := o.Etcd.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return o.serve(ctx, made, client, options, lease)
}

// serve runs everything above etcd until ctx ends, and waits for all of it to end.
func (o *Options) serve(ctx context.Context, made *setup, client *clientv3.Client, options engine.Options, lease *restore.Lease) error {
	// Requests in flight are answered after ctx has ended: what they need outlives it.
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer end()

	keys, err := o.Encryption.Load(background, made.generic.APIServerID)
	if err != nil {
		return err
	}
	made.generic.HealthzChecks = append(made.generic.HealthzChecks, keys.Checks...)
	made.generic.ReadyzChecks = append(made.generic.ReadyzChecks, keys.Checks...)
	garbage.Limit()
	pipeline := registry.New(registry.Config{
		Client: client, Prefix: o.Etcd.Prefix, Encryption: keys.Option(), Engine: options, Reports: o.Reports.allowance(),
		GarbageCollection: true, // kube-controller-manager collects it
	})
	api, err := pipeline.NewServer(server.Config{Generic: made.generic, Informers: made.informers})
	if err != nil {
		return err
	}
	api.Handler.NonGoRestfulMux.Handle(restore.Path, restore.Handler(pipeline.Engine))
	tasks.Go(func() { pipeline.Run(background) })
	tasks.Go(func() { lease.Keep(background, pipeline.Engine) })
	tasks.Go(func() { etcd.Compact(background, client, o.Etcd.CompactionInterval, o.Engine.Window) })
	tasks.Go(func() { keys.Follow(background) })
	klog.InfoS("Muster starts", "version", server.Version(), "etcd", o.Etcd.Servers, "prefix", o.Etcd.Prefix, "kubernetes", made.kubernetes.Host)
	if err := api.PrepareRun().RunWithContext(ctx); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
