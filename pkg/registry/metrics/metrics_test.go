// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apistorage "k8s.io/apiserver/pkg/storage"
	componentmetrics "k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/component-base/metrics/testutil"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/metrics"
	"github.com/musterfleet/muster/pkg/registry/storage"
	"github.com/musterfleet/muster/pkg/registry/view"
)

const (
	waitLimit = 20 * time.Second
	tick      = 10 * time.Millisecond
)

// replica is an engine with stores, and the text that its /metrics serves.
type replica struct {
	*testing.T
	etcd     *etcdtest.Server
	engine   *engine.Engine
	clusters *storage.Store
	bundles  *storage.Store
	url      string
}

func newReplica(t *testing.T) *replica {
	server := etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	m, registry := metrics.New(), componentmetrics.NewKubeRegistry()
	require.NoError(t, m.Register(registry))
	options := engine.DefaultOptions()
	options.Observers = m.Observers()
	e := engine.New(log, options)
	activity := new(storage.Activity)
	t.Cleanup(m.Show(e, activity))
	web := httptest.NewServer(componentmetrics.HandlerFor(registry, componentmetrics.HandlerOpts{}))
	t.Cleanup(web.Close)
	run(t, e)
	return &replica{
		T: t, etcd: server, engine: e, url: web.URL,
		clusters: storage.NewObjects("clusters", e, log).CountIn(activity),
		bundles:  storage.NewObjects("bundles", e, log).CountIn(activity),
	}
}

// run runs an engine until the test ends, and returns once it is ready.
func run(t *testing.T, e *engine.Engine) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	require.Eventually(t, func() bool { return e.Ready() == nil }, waitLimit, tick)
}

func (r *replica) scrape() []byte {
	response, err := http.Get(r.url)
	require.NoError(r, err)
	defer response.Body.Close()
	require.Equal(r, http.StatusOK, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(r, err)
	return body
}

// value returns the value of the only sample whose line begins with the text.
func (r *replica) value(sample string) string {
	for line := range strings.Lines(string(r.scrape())) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func (r *replica) comesTo(sample, value string) {
	r.Helper()
	require.Eventually(r, func() bool { return r.value(sample) == value }, waitLimit, tick, "%s is %s and not %s", sample, r.value(sample), value)
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "fleet", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.Now(), Generation: 1}
}

func (r *replica) cluster(name string) {
	c := &v1alpha1.Cluster{ObjectMeta: meta(name)}
	c.Labels = map[string]string{"env": "dev"}
	require.NoError(r, r.clusters.Create(r.Context(), "/clusters/fleet/"+name, c, &v1alpha1.Cluster{}, 0))
}

func (r *replica) bundle(name string, selector *metav1.LabelSelector) {
	b := &v1alpha1.Bundle{ObjectMeta: meta(name)}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: selector}}}
	require.NoError(r, r.bundles.Create(r.Context(), "/bundles/fleet/"+name, b, &v1alpha1.Bundle{}, 0))
}

func everything(resourceVersion string) apistorage.ListOptions {
	return apistorage.ListOptions{ResourceVersion: resourceVersion, Recursive: true, Predicate: apistorage.Everything}
}

var (
	inScrape = regexp.MustCompile(`(?m)^# TYPE (muster_\S+) (\S+)$`)
	inTable  = regexp.MustCompile("(?m)^\\| `(muster_[a-z_]+)` \\| (gauge|counter|histogram)[^|]* \\| [^|]+ \\| [^|]+ \\|$")
)

func TestEachMetricIsServedAndDocumentedAndPassesPrometheusLinter(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	r.cluster("a")
	body := r.scrape()

	table, err := os.ReadFile("../../../docs/metrics.md")
	require.NoError(t, err)
	served, documented := map[string]string{}, map[string]string{}
	for _, m := range inScrape.FindAllStringSubmatch(string(body), -1) {
		served[m[1]] = m[2]
	}
	for _, m := range inTable.FindAllStringSubmatch(string(table), -1) {
		documented[m[1]] = m[2]
	}
	require.Equal(t, served, documented, "docs/metrics.md and /metrics must say the same")
	require.Greater(t, len(served), 20)
	problems, err := testutil.NewPromLinter(bytes.NewReader(body)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "# HELP muster_") {
			require.Contains(t, line, "[ALPHA]")
		}
	}
}

func TestTheNumbersAreThoseOfTheReplica(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	watching, err := r.clusters.Watch(ctx, "/clusters/", everything(""))
	require.NoError(t, err)
	r.comesTo(`muster_watches{resource="clusters"}`, "1")
	r.cluster("a")
	r.cluster("b")
	r.bundle("app", &metav1.LabelSelector{MatchLabels: map[string]string{"env": "dev"}})
	r.bundle("bad", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "env", Operator: "Never"}}})
	r.bundle("loose", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "env", Operator: "DoesNotExist"}}})
	for range 4 { // two are new, and then each gets a BundleDeployment
		<-watching.ResultChan()
	}

	r.comesTo(`muster_objects{resource="clusters"}`, "2")
	r.comesTo(`muster_objects{resource="bundles"}`, "3")
	r.comesTo(`muster_objects{resource="policies"}`, "0")
	r.comesTo("muster_bundles_failing", "1")
	r.comesTo(`muster_index_selectors{filing="filed"}`, "1")
	r.comesTo(`muster_index_selectors{filing="loose"}`, "1")
	r.comesTo(`muster_writes_total{resource="clusters",result="committed"}`, "2")
	r.comesTo(`muster_writes_total{resource="bundles",result="failed"}`, "0")
	r.comesTo(`muster_watch_events_total{resource="clusters"}`, "4")
	// Each event has an object, and so has each answer to a create of a Cluster. No client
	// reads a BundleDeployment.
	r.comesTo(`muster_objects_rendered_total{resource="clusters"}`, "6")
	r.comesTo("muster_ready", "1")
	r.comesTo("muster_loads_total", "1")
	r.comesTo("muster_view_lag_revisions", "0")
	require.NotEqual(t, "0", r.value("muster_evaluations_total"))
	require.NotEqual(t, "0", r.value("muster_history_changes"))
	require.Equal(t, r.value("muster_view_revision"), r.value("muster_etcd_revision"))
	require.NotEqual(t, "0", r.value("muster_apply_duration_seconds_count"))
	require.Eventually(t, func() bool {
		count, err := strconv.Atoi(r.value("muster_etcd_pulse_duration_seconds_count"))
		return err == nil && count > 0
	}, waitLimit, tick)

	cancel(engine.ErrNotReady)
	_, open := <-watching.ResultChan()
	require.False(t, open)
	r.comesTo(`muster_watches{resource="clusters"}`, "0")
	r.comesTo(`muster_watches_ended_unready_total{resource="clusters"}`, "1")
	r.comesTo(`muster_watches_expired_total{resource="clusters"}`, "0")
}

func TestAnUnreadableRecordIsCountedUntilItIsReadable(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	const key = "/muster/log/object/clusters/fleet/x"
	for range 2 {
		_, err := r.etcd.Client.Put(t.Context(), key, "{garbage")
		require.NoError(t, err)
	}
	r.comesTo("muster_undecodable_records", "1")
	r.comesTo("muster_records_passed_over_total", "2")
	_, err := r.etcd.Client.Delete(t.Context(), key)
	require.NoError(t, err)
	r.comesTo("muster_undecodable_records", "0")
	r.comesTo("muster_records_passed_over_total", "2")
	r.comesTo("muster_records_applied_total", "3")
}

func TestAWatchFromBeforeHistoryIsCountedAsExpired(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	r.cluster("a")
	r.cluster("b")
	// A fresh load knows nothing older than itself, and it is one revision behind.
	log := etcd.New(r.etcd.Client, "/muster")
	options := engine.DefaultOptions()
	options.LoadBehind = 0
	e := engine.New(log, options)
	run(t, e)
	activity := new(storage.Activity)
	watching, err := storage.NewObjects("clusters", e, log).CountIn(activity).Watch(t.Context(), "/clusters/", everything("1"))
	require.NoError(t, err)
	for range watching.ResultChan() {
	}
	for resource, counters := range activity.All() {
		require.Equal(t, "clusters", resource)
		require.EqualValues(t, 1, counters.Expired.Load())
		require.Zero(t, counters.Watches.Load())
		require.Zero(t, counters.Events.Load())
	}
}

func TestAScrapeDoesNotHoldItsViewInMemory(t *testing.T) {
	t.Parallel()
	r := newReplica(t)
	r.cluster("a")
	scraped := func() weak.Pointer[view.View] {
		v, err := r.engine.Current()
		require.NoError(t, err)
		require.NotEmpty(t, r.value("muster_view_revision"))
		return weak.Make(v)
	}()
	r.cluster("b")
	require.Eventually(t, func() bool {
		runtime.GC()
		return scraped.Value() == nil
	}, waitLimit, tick)
}

func TestAnEngineWithoutAViewShowsThatItIsNotReady(t *testing.T) {
	t.Parallel()
	m, registry := metrics.New(), componentmetrics.NewKubeRegistry()
	require.NoError(t, m.Register(registry))
	require.Error(t, m.Register(registry), "twice is a mistake")
	server := etcdtest.Start(t)
	hide := m.Show(engine.New(etcd.New(server.Client, "/muster"), engine.DefaultOptions()), nil)
	names := func() []string {
		families, err := registry.Gather()
		require.NoError(t, err)
		var names []string
		for _, f := range families {
			names = append(names, f.GetName())
		}
		return names
	}
	require.Contains(t, names(), "muster_ready")
	require.NotContains(t, names(), "muster_objects")
	require.NotContains(t, names(), "muster_view_age_seconds")
	hide()
	require.NotContains(t, names(), "muster_ready", "an engine that has ended is not shown")
}

func TestTheProcessHasOneSetOfMetrics(t *testing.T) {
	t.Parallel()
	m := metrics.Process()
	require.Same(t, m, metrics.Process())
	server := etcdtest.Start(t)
	t.Cleanup(m.Show(engine.New(etcd.New(server.Client, "/muster"), engine.DefaultOptions()), nil))
	families, err := legacyregistry.DefaultGatherer.Gather()
	require.NoError(t, err)
	found := false
	for _, f := range families {
		found = found || f.GetName() == "muster_ready"
	}
	require.True(t, found, "/metrics serves it")
}
