// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reports measures the cost of agents' reports, and compares it with the same
// reports to custom resources. Simulated agents, one for each Cluster, report on all of
// their BundleDeployments at once: to Muster directly, to Muster behind kube-apiserver, and
// to custom resources of the same name, shape and size in the same kube-apiserver.
//
//	reports.go  the three ways, and one measurement
//	custom.go   the custom resources
//	heard.go    when reports were acknowledged, and when their events arrived
//	result.go   tables and numbers
//
// The scenario has a control plane of its own: kube-apiserver does not serve a group from
// Muster and from a definition at the same time.
package reports

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
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
	// longest bounds one measurement, whatever its size.
	longest = 30 * time.Minute
	// heardWithin bounds the time from the last acknowledgement to the last event.
	heardWithin = 2 * time.Minute
)

// Options set the sizes.
type Options struct{ Agents, Bundles int }

type bench struct {
	Options

	control *cluster.ControlPlane
	storage cluster.EtcdOptions
	// shown holds the BundleDeployments of the first Cluster, as Muster shows them.
	shown []v1alpha1.BundleDeployment
}

// Run measures.
func Run(t cluster.T, step func(string, ...any), o Options, out *report.Scenario) error {
	out.Title = "agents' reports"
	out.Text = []string{fmt.Sprintf("%d simulated agents, as many as there are Clusters, report on all of their %d BundleDeployments each at once, %d reports under way, each agent with a watch of its own; docs/sizing.md says what the rows mean. It starts a control plane of its own.", o.Agents, o.Bundles, inFlight)}
	out.NotMeasured = append(out.NotMeasured, "muster-controller and Fleet's controllers do not run beside it")
	name := fmt.Sprintf("%d agents × %d", o.Agents, o.Bundles)
	step("%s BundleDeployments: starting kube-apiserver and etcd", name)
	storage := cluster.EtcdOptions{Args: []string{"--unsafe-no-fsync=false"}, QuotaBytes: 8 << 30}
	b := &bench{Options: o, storage: storage, control: cluster.StartOn(t, storage)}
	b.control.MakeNamespace(t, fleets.Namespace)
	var all []*result
	for _, way := range []struct {
		name    string
		measure func(t cluster.T) (*result, error)
	}{
		{"straight", func(t cluster.T) (*result, error) { return b.muster(t, false) }},
		{"behind", func(t cluster.T) (*result, error) { return b.muster(t, true) }},
		{"custom", b.custom},
	} {
		err := cluster.Within(t.Context(), way.name, t.Logf, func(t cluster.T) error { // one Muster ends before the next begins
			r, err := way.measure(t)
			if err == nil {
				r.way = way.name
				all = append(all, r)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		step("measured: %s", way.name)
	}
	show(name, all, out)
	return nil
}

// muster measures a new Muster, directly or behind kube-apiserver.
func (b *bench) muster(t cluster.T, behind bool) (*result, error) {
	store := cluster.StartEtcd(t, 1, b.storage)
	client := store.Client(t)
	if err := fleets.Store(t.Context(), etcd.New(client, "/muster"), fleets.All(b.Bundles, b.Agents, 10)); err != nil {
		return nil, err
	}
	muster := cluster.Install(t, b.control, store, cluster.Options{Replicas: 1, Args: []string{"--shutdown-delay-duration=1s", "--v=0"}})
	replica := muster.Replicas()[0]
	config := replica.Direct(b.control.Config)
	servers := []*cluster.Process{replica.Process, store.Member(0)}
	if behind {
		config = b.control.Config
		servers = append(servers, b.control.APIServer, b.control.Etcd.Member(0))
	}
	c, err := versioned.NewForConfig(cluster.Unshared(config))
	if err != nil {
		return nil, err
	}
	first, err := c.FleetV1alpha1().BundleDeployments(fleets.Home(0)).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	if b.shown = first.Items; len(b.shown) != b.Bundles {
		return nil, fmt.Errorf("the first Cluster has %d BundleDeployments of %d", len(b.shown), b.Bundles)
	}
	r, err := b.stored(t, client, "/muster/", func() (*result, error) { return b.measure(t, config, servers, true) })
	if err != nil {
		return nil, err
	}
	r.reports, err = b.sizeOf(t, client, "/muster/log/report/bundledeployments/")
	return r, err
}

// stored adds to a measurement what etcd holds below a prefix before and after it.
func (b *bench) stored(t cluster.T, client *clientv3.Client, prefix string, measure func() (*result, error)) (*result, error) {
	before, err := b.sizeOf(t, client, prefix)
	if err != nil {
		return nil, err
	}
	r, err := measure()
	if err != nil {
		return nil, err
	}
	r.before = before
	r.after, err = b.sizeOf(t, client, prefix)
	return r, err
}

// sizeOf returns the bytes of keys and values below a prefix for each BundleDeployment.
func (b *bench) sizeOf(t cluster.T, client *clientv3.Client, prefix string) (float64, error) {
	_, bytes, err := site.Stored(t.Context(), client, prefix)
	return float64(bytes) / float64(b.Agents*b.Bundles), err
}

// measure lets all agents learn what they have to do and then start at the same time. It
// waits until each report is acknowledged and all its events have arrived.
func (b *bench) measure(t cluster.T, config *rest.Config, servers []*cluster.Process, rolledUp bool) (*result, error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watching, err := site.Connect(config)
	if err != nil {
		return nil, err
	}
	deployments, err := hear(ctx, watching, site.Deployments)
	if err != nil {
		return nil, err
	}
	var rollUps *heard
	if rolledUp {
		if rollUps, err = hear(ctx, watching, site.Bundles); err != nil {
			return nil, err
		}
	}

	notes := &recorder{}
	own := cluster.Unshared(config)
	own.Wrap(func(next http.RoundTripper) http.RoundTripper {
		notes.next = next
		return notes
	})
	up, err := upstream.New(own)
	if err != nil {
		return nil, err
	}
	gate := make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	options := simulate.DefaultOptions()
	options.Delay, options.Heartbeat, options.Workers = 0, 0, inFlight
	options.Outcome = func(*v1alpha1.BundleDeployment, int) simulate.Outcome {
		<-gate
		return simulate.Succeed
	}
	playing := simulate.New(up, b.agents(), options, os.Stderr)
	var running sync.WaitGroup
	running.Go(func() { playing.Run(ctx) })
	defer func() { cancel(); release(); running.Wait() }()
	n := b.Agents * b.Bundles
	err = poll.Until(ctx, longest, func(context.Context) error {
		if events := playing.Stats().Events; !playing.Synced() || events < n {
			return fmt.Errorf("the agents know %d BundleDeployments of %d", events, n)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}

	used, err := site.CPU(servers...)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	release()
	err = poll.Until(ctx, longest, func(context.Context) error {
		if done := len(notes.acknowledged()); done < n {
			return fmt.Errorf("%d reports of %d are acknowledged; refused: %s", done, n, notes.refused())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := notes.acknowledged()
	now, err := site.CPU(servers...)
	if err != nil {
		return nil, err
	}
	r := &result{reported: len(all), took: all[len(all)-1].done.Sub(begun), cpu: (now - used) / time.Duration(len(all)), refused: notes.refused(), errors: playing.Stats().Errors}
	different := map[types.NamespacedName]bool{}
	for _, a := range all {
		different[a.name] = true
		r.acknowledged = append(r.acknowledged, a.done.Sub(a.sent))
	}
	if len(different) != n {
		return nil, errors.New("some BundleDeployments were reported twice and some not at all")
	}
	if r.seen, err = deployments.wait(ctx, all); err == nil && rolledUp {
		r.rolledUp, err = rollUps.wait(ctx, ofBundles(all))
	}
	return r, err
}

func (b *bench) agents() []simulate.Agent {
	all := make([]simulate.Agent, b.Agents)
	for i := range all {
		all[i] = simulate.Agent{Cluster: types.NamespacedName{Namespace: fleets.Namespace, Name: fleets.ClusterName(i)}, Namespace: fleets.Home(i)}
	}
	return all
}
