// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fanout measures how events reach many: agents that each watch their own
// namespace, and programs that watch all BundleDeployments. In Muster one edit of a
// Bundle moves a BundleDeployment on each Cluster; beside it the same custom resources
// in kube-apiserver are patched one by one, as a controller has to, and reach as many
// watches. Each watch has a connection of its own.
package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/bench/custom"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// Options are the sizes.
type Options struct {
	// Bundles are on each Cluster; an edit is of one of them. Agents watch the namespace
	// of one Cluster each, Watches watch all.
	Bundles, Agents, Watches int
}

const (
	edits = 5
	// writers is how many requests a controller has under way at once.
	writers = 16
	within  = 5 * time.Minute
)

// events is how many one edit leads to.
func (o Options) events() int64 { return int64(o.Agents) * int64(1+o.Watches) }

// side is Muster or kube-apiserver.
type side struct {
	config    *rest.Config
	client    *rest.RESTClient
	resource  schema.GroupVersionResource
	processes []*cluster.Process // the server first
	// edit changes one object in each agent's namespace.
	edit func(ctx context.Context, i int) error
}

// result is what one side took.
type result struct {
	answered, last []time.Duration
	cpu            time.Duration // of all edits
	watching       int64         // bytes in use for all watches
	resident       int64
	surplus        int64 // events more than there should be
}

// Run measures both sides.
func Run(t cluster.T, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	ctx := t.Context()
	out.Title = "events to many watches"
	out.Text = []string{
		fmt.Sprintf("%d Bundles on %d Clusters. %d agents watch their own namespace, %d watches are of all namespaces, each over a connection of its own. One edit changes one BundleDeployment of each Cluster, which is %d events; %d edits, medians.", o.Bundles, o.Agents, o.Agents, o.Watches, o.events(), edits),
		fmt.Sprintf("In Muster an edit is one PATCH of a Bundle. As custom resources it is %d PATCHes, %d at once: that is the work of a controller, without the time that it needs to find out what to write. CPU is of the server and its etcd, with these writes.", o.Agents, writers),
	}
	if err := custom.Define(t, s.Control); err != nil {
		return err
	}
	f := fleets.All(o.Bundles, o.Agents, 0)
	step("%s: writing the fleet and starting", f.Name)
	if _, err := s.Fill(ctx, f); err != nil {
		return err
	}
	deployments, err := shown(ctx, s.Client)
	if err != nil {
		return err
	}
	homes := namespaces(deployments)
	if len(homes) != o.Agents || len(deployments) != f.Deployments {
		return fmt.Errorf("%d BundleDeployments in %d namespaces, and should be %d in %d", len(deployments), len(homes), f.Deployments, o.Agents)
	}
	muster := &side{config: s.Config, client: s.Client, resource: site.Deployments, processes: []*cluster.Process{s.Replica.Process, s.Etcd.Member(0)}}
	muster.edit = func(ctx context.Context, i int) error {
		return patch(ctx, s.Client, site.Path(site.Bundles, fleets.Namespace, fleets.BundleName(0)), fmt.Sprintf(`{"spec":{"helm":{"values":{"value0":"edit-%d"}}}}`, i))
	}
	step("Muster: opening %d watches and editing", o.Agents+o.Watches)
	ours, err := muster.measure(ctx, homes, o)
	if err != nil {
		return fmt.Errorf("muster: %w", err)
	}

	step("writing %d custom resources", len(deployments))
	kube, done, err := beside(ctx, s, deployments, homes)
	if err != nil {
		return err
	}
	defer done()
	step("custom resources: opening %d watches and editing", o.Agents+o.Watches)
	theirs, err := kube.measure(ctx, homes, o)
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

func show(ours, theirs *result, o Options, out *report.Scenario) {
	sent := float64(edits) * float64(o.events())
	watches := float64(o.Agents + o.Watches)
	table := report.Table{Columns: []string{"", "Muster", "custom resources", "Muster / custom"}}
	name := fmt.Sprintf("%d agents, %d watches of all", o.Agents, o.Watches)
	for _, row := range []struct {
		what, unit string
		of         func(*result) float64
	}{
		{"first write sent to last write answered", "ms", func(r *result) float64 { return stats.Milliseconds(stats.Median(r.answered)) }},
		{"first write sent to last event", "ms", func(r *result) float64 { return stats.Milliseconds(stats.Median(r.last)) }},
		{"CPU of server and etcd for an event", "µs", func(r *result) float64 { return float64(r.cpu.Microseconds()) / sent }},
		{"memory in use for a watch", "KiB", func(r *result) float64 { return float64(r.watching) / 1024 / watches }},
		{"resident memory of the server after it", "MiB", func(r *result) float64 { return site.MiB(r.resident) }},
	} {
		a, b := row.of(ours), row.of(theirs)
		ratio := stats.Ratio(a, b)
		table.Rows = append(table.Rows, []string{row.what + ", " + row.unit, fmt.Sprintf("%.1f", a), fmt.Sprintf("%.1f", b), stats.Times(ratio)})
		out.Add(
			report.Number{Name: name + ": " + row.what + ", against custom resources", Value: ratio, Kind: report.Ratio},
			report.Number{Name: name + ": " + row.what, Value: a, Unit: row.unit, Kind: report.Absolute},
		)
	}
	table.Rows = append(table.Rows, []string{"events more than there should be", fmt.Sprint(ours.surplus), fmt.Sprint(theirs.surplus), ""})
	out.Tables = append(out.Tables, table)
}

// measure opens the watches, edits, and waits for all events of each edit.
func (s *side) measure(ctx context.Context, homes []string, o Options) (*result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &result{}
	revision, err := site.Revision(ctx, s.client, s.resource)
	if err != nil {
		return nil, err
	}
	before, err := site.Weigh(ctx, s.client, s.processes[0])
	if err != nil {
		return nil, err
	}
	var events atomic.Int64
	arrived := make(chan struct{}, 1)
	broken := make(chan error, len(homes)+o.Watches)
	note := func(e site.Event) {
		if e.Type == "BOOKMARK" {
			return
		}
		if events.Add(1)%o.events() == 0 {
			select {
			case arrived <- struct{}{}:
			default:
			}
		}
	}
	open, opening := errgroup.WithContext(ctx)
	open.SetLimit(writers)
	for i := range len(homes) + o.Watches {
		namespace := ""
		if i < len(homes) {
			namespace = homes[i]
		}
		open.Go(func() error {
			if opening.Err() != nil {
				return opening.Err()
			}
			c, err := site.Connect(s.config)
			if err != nil {
				return err
			}
			return site.Watch(ctx, c, s.resource, namespace, strconv.FormatInt(revision, 10), nil, note, func(err error) { broken <- err })
		})
	}
	if err := open.Wait(); err != nil {
		return nil, err
	}
	watching, err := site.Weigh(ctx, s.client, s.processes[0])
	if err != nil {
		return nil, err
	}
	r.watching = watching.Used - before.Used
	cpu, err := site.CPU(s.processes...)
	if err != nil {
		return nil, err
	}
	for i := range edits {
		begun := time.Now()
		if err := s.edit(ctx, i); err != nil {
			return nil, err
		}
		r.answered = append(r.answered, time.Since(begun))
		select {
		case <-arrived:
			r.last = append(r.last, time.Since(begun))
		case err := <-broken:
			return nil, err
		case <-time.After(within):
			return nil, fmt.Errorf("edit %d: %d events of %d within %v", i, events.Load()-int64(i)*o.events(), o.events(), within)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	after, err := site.CPU(s.processes...)
	if err != nil {
		return nil, err
	}
	r.cpu, r.surplus = after-cpu, events.Load()-edits*o.events()
	r.resident, err = s.processes[0].Resident()
	return r, err
}

// beside is kube-apiserver with the same objects.
func beside(ctx context.Context, s *site.Site, deployments []json.RawMessage, homes []string) (_ *side, done func(), err error) {
	etcd, err := s.Control.Etcd.Dial(s.Control.Etcd.Endpoints()...)
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		_ = custom.Clear(context.WithoutCancel(ctx), etcd) // the next scenario puts its own
		_ = etcd.Close()
	}
	err = custom.Put(ctx, etcd, len(deployments), func(i int) (map[string]any, error) {
		var o map[string]any
		return o, json.Unmarshal(deployments[i], &o)
	})
	// A write to a namespace that does not exist is refused.
	for _, home := range homes {
		if err != nil {
			break
		}
		if _, err = s.Control.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}}, metav1.CreateOptions{}); apierrors.IsAlreadyExists(err) {
			err = nil
		}
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	client, err := site.Connect(s.Control.Config)
	if err == nil {
		err = custom.Count(ctx, client, len(deployments))
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	k := &side{config: s.Control.Config, client: client, resource: custom.Deployments, processes: []*cluster.Process{s.Control.APIServer, s.Control.Etcd.Member(0)}}
	k.edit = func(ctx context.Context, i int) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(writers)
		for _, home := range homes {
			group.Go(func() error {
				return patch(ctx, client, site.Path(custom.Deployments, home, fleets.BundleName(0)), fmt.Sprintf(`{"spec":{"stagedDeploymentID":"edit-%d","deploymentID":"edit-%d"}}`, i, i))
			})
		}
		return group.Wait()
	}
	return k, done, nil
}

func patch(ctx context.Context, c *rest.RESTClient, path, body string) error {
	answer, err := c.Patch(types.MergePatchType).AbsPath(path).Body([]byte(body)).Do(ctx).Raw()
	if err != nil {
		return errors.Join(err, errors.New(string(answer)))
	}
	return nil
}

// shown are all BundleDeployments.
func shown(ctx context.Context, c *rest.RESTClient) ([]json.RawMessage, error) {
	body, err := c.Get().AbsPath(site.Path(site.Deployments, "")).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	err = json.Unmarshal(body, &list)
	return list.Items, err
}

// namespaces are those of objects that are ordered by them.
func namespaces(objects []json.RawMessage) (all []string) {
	for _, text := range objects {
		var object metav1.PartialObjectMetadata
		if json.Unmarshal(text, &object) == nil && (len(all) == 0 || all[len(all)-1] != object.Namespace) {
			all = append(all, object.Namespace)
		}
	}
	return all
}
