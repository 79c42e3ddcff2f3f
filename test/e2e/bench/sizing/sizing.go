// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sizing measures what one fleet takes of each program of an installation: a
// muster-apiserver, its etcd, muster-controller, and kube-apiserver with its own etcd.
// The numbers are for docs/sizing.md.
//
//	sizing.go   the scenario
//	weigh.go    memory and processor time of the programs
//
// The fleet is written into etcd. Simulated agents then connect by way of kube-apiserver,
// each with a watch of its own, and report once on each of their BundleDeployments.
// kube-controller-manager runs: muster-controller makes a Namespace for each Cluster, and
// what Kubernetes puts into it is part of kube-apiserver's share.
package sizing

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

const (
	// inFlight is the number of reports in flight.
	inFlight = 32
	// longest bounds the time of one situation, whatever its size.
	longest = 30 * time.Minute
	// quiet is the time without work over which the share of a processor is measured.
	quiet = 20 * time.Second
)

// Options set the size: Bundles are on each of so many Clusters.
type Options struct{ Clusters, Bundles int }

// Run measures.
func Run(t cluster.T, step func(string, ...any), o Options, out *report.Scenario) error {
	f := fleets.All(o.Bundles, o.Clusters, 10)
	out.Title = "what a fleet takes of each program"
	out.Text = []string{fmt.Sprintf("%s: %d BundleDeployments. One muster-apiserver, one muster-controller, and an etcd of one member; agents connect by way of kube-apiserver. Memory is resident, in MiB, at the end of each situation: it contains garbage that Go has not returned, and for etcd the pages of its database. Processor time is used within the situation.", f.Name, f.Deployments)}
	storage := cluster.EtcdOptions{Args: []string{"--unsafe-no-fsync=false"}, QuotaBytes: 8 << 30}
	step("starting kube-apiserver and etcd")
	control := cluster.StartOn(t, storage)
	store := cluster.StartEtcd(t, 1, storage)
	control.MakeNamespace(t, fleets.Namespace)
	w := &scales{}
	w.add("kube-apiserver", control.APIServer)
	w.add("etcd of kube-apiserver", control.Etcd.Member(0))
	if err := w.weigh("before Muster"); err != nil {
		return err
	}

	step("%s: starting Muster", f.Name)
	if err := fleets.Store(t.Context(), etcd.New(store.Client(t), "/muster"), f); err != nil {
		return err
	}
	muster := cluster.Install(t, control, store, cluster.Options{Replicas: 1, Components: []string{"controller"}, Args: []string{"--shutdown-delay-duration=1s", "--v=0"}})
	controller := control.Controller(t, store, "controller", "--agent-api-server-url=https://kube.example.com:6443", "--agent-api-server-ca-file="+control.CAFile, "--v=0")
	if err := controller.Start(); err != nil {
		return err
	}
	w.add("muster-apiserver", muster.Replicas()[0].Process)
	w.add("etcd of Muster", store.Member(0))
	w.add("muster-controller", controller)
	if err := namespaces(t.Context(), control, o.Clusters); err != nil {
		return err
	}
	if err := w.weigh("started, each Cluster has its namespace"); err != nil {
		return err
	}
	step("nothing happens for %s", quiet)
	select {
	case <-time.After(quiet):
	case <-t.Context().Done():
		return t.Context().Err()
	}
	if err := w.weigh(fmt.Sprintf("%.0f s later, without work", quiet.Seconds())); err != nil {
		return err
	}
	if err := agents(t, control, w, step, o); err != nil {
		return err
	}
	keys, bytes, err := site.Stored(t.Context(), store.Client(t), "/muster/")
	if err != nil {
		return err
	}
	status, err := store.Client(t).Status(t.Context(), store.Endpoints()[0])
	if err != nil {
		return err
	}
	out.Text = append(out.Text, fmt.Sprintf("At the end, Muster's etcd has %d keys of %.1f MiB with their values; its database has %.0f MiB, of which %.0f MiB are in use, history included.", keys, site.MiB(int64(bytes)), site.MiB(status.DbSize), site.MiB(status.DbSizeInUse)))
	w.show(f.Name, out)
	return nil
}

// namespaces waits until each Cluster has its Namespace, with the account that Kubernetes
// puts into it.
func namespaces(ctx context.Context, control *cluster.ControlPlane, clusters int) error {
	return poll.Until(ctx, longest, func(ctx context.Context) error {
		made, err := control.Client.CoreV1().ServiceAccounts(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=default"})
		if err != nil {
			return err
		}
		has := map[string]bool{}
		for i := range made.Items {
			has[made.Items[i].Namespace] = true
		}
		for i := range clusters {
			if !has[fleets.Home(i)] {
				return fmt.Errorf("%s has no account yet", fleets.Home(i))
			}
		}
		return nil
	})
}

// agents lets all agents connect, and then report.
func agents(t cluster.T, control *cluster.ControlPlane, w *scales, step func(string, ...any), o Options) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	up, err := upstream.New(cluster.Unshared(control.Config))
	if err != nil {
		return err
	}
	all := make([]simulate.Agent, o.Clusters)
	for i := range all {
		all[i] = simulate.Agent{Cluster: types.NamespacedName{Namespace: fleets.Namespace, Name: fleets.ClusterName(i)}, Namespace: fleets.Home(i)}
	}
	gate := make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	options := simulate.DefaultOptions()
	options.Delay, options.Heartbeat, options.Workers = 0, 0, inFlight
	options.Outcome = func(*v1alpha1.BundleDeployment, int) simulate.Outcome {
		<-gate
		return simulate.Succeed
	}
	playing := simulate.New(up, all, options, os.Stderr)
	var running sync.WaitGroup
	running.Go(func() { playing.Run(ctx) })
	defer func() { cancel(); release(); running.Wait() }()

	n := o.Clusters * o.Bundles
	step("%d agents connect", o.Clusters)
	err = poll.Until(ctx, longest, func(context.Context) error {
		if events := playing.Stats().Events; !playing.Synced() || events < n {
			return fmt.Errorf("the agents know %d BundleDeployments of %d", events, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.weigh(fmt.Sprintf("%d agents watch", o.Clusters)); err != nil {
		return err
	}
	step("%d reports", n)
	release()
	err = poll.Until(ctx, longest, func(context.Context) error {
		if stats := playing.Stats(); stats.Reports < n {
			return fmt.Errorf("%d reports of %d are acknowledged", stats.Reports, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.weigh(fmt.Sprintf("%d reports, %.0f a second", n, float64(n)/w.elapsed().Seconds()))
}
