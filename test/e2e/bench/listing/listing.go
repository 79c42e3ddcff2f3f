// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listing measures full lists of all BundleDeployments: in pages, as kubectl and
// old informers make them, and as a stream of initial events, as new informers do. It lists
// in turn from Muster, which renders them, and from kube-apiserver, which has as many
// custom resources of the same size. All of it is JSON, and this program counts objects
// without decoding them.
package listing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/bench/custom"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	page   = 500 // objects, like kubectl
	rounds = 3
)

// way is one way to list all objects of a resource. It returns the number of objects and
// bytes.
type way struct {
	name, short string
	list        func(ctx context.Context, c *rest.RESTClient, resource schema.GroupVersionResource) (objects, bytes int, err error)
}

var ways = []way{
	{"in pages of 500", "in pages", pages("")},
	{"in pages of 500, resourceVersion=0", "in pages, any", pages("0")},
	{"as a streaming watch-list", "as a stream", stream},
}

type taken struct {
	took, cpu      time.Duration
	objects, bytes int
	// before is the resident memory before the list, more the peak above that.
	before, more int64
}

type server struct {
	name      string
	client    *rest.RESTClient
	resource  schema.GroupVersionResource
	processes []*cluster.Process // the server first
}

// Options set the sizes.
type Options struct {
	// Beside is listed from both servers, and Alone, from small to large, only from Muster.
	Beside fleets.Fleet
	Alone  []fleets.Fleet
	// AtSize says that Beside has the size of the goal.
	AtSize bool
}

// Run measures both servers.
func Run(t cluster.T, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	out.Title = "a full list"
	wrong := both(t, s, step, o.Beside, o.AtSize, out)
	out.NotMeasured = append(out.NotMeasured, "lists as protobuf (custom resources have none), of several clients at once, and with managedFields")
	if t.Context().Err() != nil {
		return t.Context().Err()
	}
	return errors.Join(wrong, alone(t.Context(), s, step, o.Alone, out))
}

func both(t cluster.T, s *site.Site, step func(string, ...any), f fleets.Fleet, atSize bool, out *report.Scenario) error {
	ctx := t.Context()
	out.Text = []string{fmt.Sprintf("%s: %d BundleDeployments, listed %d times each way, by turns from Muster and from kube-apiserver, which has the same objects as custom resources (the JSON that Muster shows, without managedFields, written straight into its etcd). Medians. CPU is of the server and its etcd; memory is how far the peak of the server's resident memory was above what it had before, the largest of the %d.", f.Name, f.Deployments, rounds, rounds)}
	if err := custom.Define(t, s.Control, custom.Deployments); err != nil {
		return err
	}
	step("%s: writing the fleet and starting", f.Name)
	if _, err := s.Fill(ctx, f); err != nil {
		return err
	}
	step("writing %d custom resources", f.Deployments)
	defer custom.Clear(t, s)
	beside, err := custom.Mirror(ctx, s, f.Deployments)
	if err != nil {
		return err
	}
	muster := &server{"Muster", s.Client, site.Deployments, []*cluster.Process{s.Replica.Process, s.Etcd.Member(0)}}
	kube := &server{"custom resources", beside, custom.Deployments, []*cluster.Process{s.Control.APIServer, s.Control.Etcd.Member(0)}}
	table := report.Table{Columns: []string{"list", "Muster, objects/s", "custom resources, objects/s", "time, Muster / custom", "Muster, MB/s", "custom, MB/s", "CPU, Muster / custom", "peak memory, Muster, MiB", "custom, MiB", "bytes an object, Muster", "custom"}}
	var wrong []error
	for _, w := range ways {
		step("listing %s", w.name)
		var of [2][]taken
		for range rounds {
			for i, server := range []*server{muster, kube} {
				got, err := server.list(ctx, w)
				if err != nil {
					return fmt.Errorf("%s from %s: %w", w.name, server.name, err)
				}
				if got.objects != f.Deployments {
					wrong = append(wrong, fmt.Errorf("%s from %s: %d objects of %d", w.name, server.name, got.objects, f.Deployments))
				}
				of[i] = append(of[i], got)
			}
		}
		show(w, f, of[0], of[1], atSize, &table, out)
	}
	out.Tables = append(out.Tables, table)
	return errors.Join(wrong...)
}

func show(w way, f fleets.Fleet, muster, kube []taken, atSize bool, table *report.Table, out *report.Scenario) {
	times := func(all []taken) []time.Duration {
		return stats.Column(all, func(t taken) time.Duration { return t.took })
	}
	cpu := func(all []taken) []time.Duration {
		return stats.Column(all, func(t taken) time.Duration { return t.cpu })
	}
	most := func(all []taken) (m int64) {
		for _, t := range all {
			m = max(m, t.more)
		}
		return m
	}
	m, k := stats.Median(times(muster)), stats.Median(times(kube))
	rate := func(n int, d float64) float64 { return float64(n) / d }
	each := func(t taken) string { return fmt.Sprint(t.bytes / max(1, t.objects)) }
	ratio := stats.Ratio(m, k)
	cpuRatio := stats.Ratio(stats.Median(cpu(muster)), stats.Median(cpu(kube)))
	table.Rows = append(table.Rows, []string{
		w.name, fmt.Sprintf("%.0f", rate(f.Deployments, m.Seconds())), fmt.Sprintf("%.0f", rate(f.Deployments, k.Seconds())), stats.Times(ratio),
		fmt.Sprintf("%.0f", rate(muster[0].bytes, m.Seconds()*1e6)), fmt.Sprintf("%.0f", rate(kube[0].bytes, k.Seconds()*1e6)), stats.Times(cpuRatio),
		fmt.Sprintf("%.0f", site.MiB(most(muster))), fmt.Sprintf("%.0f", site.MiB(most(kube))), each(muster[0]), each(kube[0]),
	})
	goal := ""
	if w.name == ways[0].name {
		goal = "list"
	}
	name := fmt.Sprintf("%d %s", f.Deployments, w.name)
	out.Add(
		report.Number{Name: name + ": time against custom resources", Value: ratio, Kind: report.Ratio, Goal: goal, At: report.At(f.Name, atSize)},
		report.Number{Name: name + ": CPU against custom resources", Value: cpuRatio, Kind: report.Ratio},
		report.Number{Name: name + ": rate", Value: rate(f.Deployments, m.Seconds()), Unit: "/s", Kind: report.Absolute, MoreIsBetter: true},
		report.Number{Name: name + ": peak memory", Value: site.MiB(most(muster)), Unit: "MiB", Kind: report.Absolute},
	)
}

// list lists once, after a garbage collection.
func (s *server) list(ctx context.Context, w way) (taken, error) {
	if _, err := site.Weigh(ctx, s.client, s.processes[0]); err != nil {
		return taken{}, err
	}
	before, err := s.processes[0].Resident()
	if err != nil {
		return taken{}, err
	}
	if err := s.processes[0].ResetPeak(); err != nil {
		return taken{}, err
	}
	used, err := site.CPU(s.processes...)
	if err != nil {
		return taken{}, err
	}
	begun := time.Now()
	var t taken
	if t.objects, t.bytes, err = w.list(ctx, s.client, s.resource); err != nil {
		return taken{}, err
	}
	t.took = time.Since(begun)
	after, err := site.CPU(s.processes...)
	if err != nil {
		return taken{}, err
	}
	peak, err := s.processes[0].Peak()
	t.cpu, t.before, t.more = after-used, before, max(0, peak-before)
	return t, err
}

// mark occurs once in every object of any list.
var mark = []byte(`"creationTimestamp":"`)

func pages(revision string) func(context.Context, *rest.RESTClient, schema.GroupVersionResource) (int, int, error) {
	return func(ctx context.Context, c *rest.RESTClient, resource schema.GroupVersionResource) (objects, size int, err error) {
		for next := ""; ; {
			request := c.Get().AbsPath(site.Path(resource, "")).Param("limit", strconv.Itoa(page))
			if next != "" {
				request = request.Param("continue", next)
			} else if revision != "" {
				request = request.Param("resourceVersion", revision)
			}
			body, err := request.Do(ctx).Raw()
			if err != nil {
				return objects, size, err
			}
			objects += bytes.Count(body, mark)
			size += len(body)
			if next = continues(body); next == "" {
				return objects, size, nil
			}
		}
	}
}

// continues returns the token of the next page. The list's metadata is before its items in
// a list of a type that the server knows, and after them in a list of custom resources,
// whose members are sorted by name.
func continues(body []byte) string {
	const far = 4096 // more than the size of a token
	head, _, _ := bytes.Cut(body[:min(len(body), far)], []byte(`"items":`))
	_, rest, found := bytes.Cut(head, []byte(`"continue":"`))
	if !found {
		tail := body[max(0, len(body)-far):]
		_, rest, found = bytes.Cut(tail, []byte(`"metadata":{"continue":"`))
	}
	if !found {
		return ""
	}
	token, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(token)
}

func stream(ctx context.Context, c *rest.RESTClient, resource schema.GroupVersionResource) (objects, size int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 2)
	err = site.Watch(ctx, c, resource, "", "", map[string]string{
		"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan",
	}, func(e site.Event) {
		size += e.Size
		if e.InitialEnd {
			done <- nil
		} else if e.Type == "ADDED" {
			objects++
		}
	}, func(err error) { done <- err })
	if err != nil {
		return 0, 0, err
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return objects, size, err
}
