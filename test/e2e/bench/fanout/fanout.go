// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fanout measures how events reach many watches: agents that each watch their own
// namespace, and programs that watch all BundleDeployments. In Muster one edit of a Bundle
// moves a BundleDeployment on each Cluster that it is on. For comparison, the same custom
// resources in kube-apiserver are patched one by one, as a controller has to, and reach as
// many watches.
package fanout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/bench/custom"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// Options set the sizes.
type Options struct {
	// Bundles is the number on each Cluster. Agents watch the namespace of one Cluster
	// each, Watches watch all.
	Bundles, Agents, Watches int
	// Edits counts edits of the Bundle on a tenth of the Clusters, WholeEdits those of one
	// that is on all.
	Edits, WholeEdits int
}

const (
	// writers is the number of requests that a controller has in flight.
	writers = 16
	within  = 10 * time.Minute
)

// kind is a kind of edit: of a Bundle that is on some of the Clusters.
type kind struct {
	what, bundle string
	every        int // it is on each every-th Cluster
	times        int
}

func (o Options) kinds() []kind {
	return []kind{
		{"a Bundle on a tenth of the Clusters", fleets.InRing, fleets.Rings, o.Edits},
		{"a Bundle on all Clusters", fleets.BundleName(0), 1, o.WholeEdits},
	}
}

// moved returns how many BundleDeployments an edit changes, events how many events follow.
func (o Options) moved(k kind) int64  { return int64((o.Agents + k.every - 1) / k.every) }
func (o Options) events(k kind) int64 { return o.moved(k) * int64(1+o.Watches) }

type side struct {
	config    *rest.Config
	client    *rest.RESTClient
	resource  schema.GroupVersionResource
	processes []*cluster.Process // the server first
	// edit makes the i-th edit of a kind.
	edit func(ctx context.Context, k kind, i int) error
}

// Run measures both sides.
func Run(t cluster.T, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	ctx := t.Context()
	out.Title = "events to many watches"
	f := fleets.Ringed(o.Bundles, o.Agents)
	shared, why, err := o.shared()
	if err != nil {
		return err
	}
	out.Text = []string{
		fmt.Sprintf("%d Bundles on each of %d Clusters, and one on each tenth. %d agents watch their own namespace, %d watches are of all namespaces, %s. Two kinds of edits, medians: %d times of the Bundle that is on a tenth of the Clusters, which is %d events each, and %d times of one that is on all, which is %d.", o.Bundles, o.Agents, o.Agents, o.Watches, why, o.Edits, o.events(o.kinds()[0]), o.WholeEdits, o.events(o.kinds()[1])),
		fmt.Sprintf("In Muster an edit is one PATCH of a Bundle. As custom resources it is a PATCH of each, %d at once: that is the work of a controller, without the time that it needs to find out what to write. CPU is of the server and its etcd, with these writes. The program that watches takes its share of the same processors.", writers),
	}
	if err := custom.Define(t, s.Control, custom.Deployments); err != nil {
		return err
	}
	step("%s: writing the fleet and starting", f.Name)
	if _, err := s.Fill(ctx, f); err != nil {
		return err
	}
	homes := make([]string, o.Agents)
	for i := range homes {
		homes[i] = fleets.Home(i)
	}
	muster := &side{config: s.Config, client: s.Client, resource: site.Deployments, processes: []*cluster.Process{s.Replica.Process, s.Etcd.Member(0)}}
	muster.edit = func(ctx context.Context, k kind, i int) error {
		_, err := site.Patch(ctx, s.Client, site.Path(site.Bundles, fleets.Namespace, k.bundle), fleets.BundlePatch(i))
		return err
	}
	step("Muster: opening %d watches and editing", o.Agents+o.Watches)
	ours, err := muster.measure(ctx, homes, o, shared)
	if err != nil {
		return fmt.Errorf("muster: %w", err)
	}

	step("writing %d custom resources", f.Deployments)
	// They are copied after Muster's edits, and counted before their own.
	defer custom.Clear(t, s)
	kube, err := beside(ctx, s, f.Deployments, homes)
	if err != nil {
		return err
	}
	step("custom resources: opening %d watches and editing", o.Agents+o.Watches)
	theirs, err := kube.measure(ctx, homes, o, shared)
	if err != nil {
		return fmt.Errorf("custom resources: %w", err)
	}
	show(ours, theirs, o, out)
	out.NotMeasured = append(out.NotMeasured, "agents behind kube-apiserver's aggregation layer; watches that are slower than events come")
	if ours.surplus != 0 {
		return fmt.Errorf("muster sent %d events more than there should be", ours.surplus)
	}
	return nil
}

// beside returns kube-apiserver with the same objects.
func beside(ctx context.Context, s *site.Site, n int, homes []string) (*side, error) {
	client, err := custom.Mirror(ctx, s, n)
	if err == nil {
		err = custom.Place(ctx, s, homes)
	}
	if err != nil {
		return nil, err
	}
	k := &side{config: s.Control.Config, client: client, resource: custom.Deployments, processes: []*cluster.Process{s.Control.APIServer, s.Control.Etcd.Member(0)}}
	k.edit = func(ctx context.Context, k kind, i int) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(writers)
		for home := range slices.Chunk(homes, k.every) {
			group.Go(func() error {
				_, err := site.Patch(ctx, client, site.Path(custom.Deployments, home[0], k.bundle), fmt.Sprintf(`{"spec":{"stagedDeploymentID":"edit-%d","deploymentID":"edit-%d"}}`, i, i))
				return err
			})
		}
		return group.Wait()
	}
	return k, nil
}
