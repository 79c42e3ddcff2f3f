// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

const (
	// every is the time from one round of scrapes to the next, in the time of this machine.
	every = time.Second
	// scrapeLimit bounds a scrape.
	scrapeLimit = 3 * time.Second
)

// monitor scrapes all processes of Muster, as Prometheus would, and gives what it got to the
// rules.
type monitor struct {
	scene *scene
	token string
	// scraping is locked during a round, so that no two overlap.
	scraping sync.Mutex
	mu       struct {
		sync.Mutex
		evaluator  *evaluator // nil between two drills
		last       []target   // of this drill
		state      verdict
		fired      map[string]bool
		failure    error
		aggregator bool // scrape kube-apiserver too
	}
}

// startMonitor gives Prometheus an account with the rights of the ServiceMonitor's
// ClusterRole, and starts to scrape.
func startMonitor(t cluster.T, s *scene) *monitor {
	t.Helper()
	const namespace = "monitoring"
	control.MakeNamespace(t, namespace)
	for _, args := range [][]string{
		{"create", "serviceaccount", "-n", namespace, "prometheus"},
		{"create", "clusterrole", "muster-metrics-reader", "--verb=get", "--non-resource-url=/metrics"},
		{"create", "clusterrolebinding", "prometheus", "--clusterrole=muster-metrics-reader", "--serviceaccount=" + namespace + ":prometheus"},
	} {
		_, _, err := control.Kubectl(args...)
		require.NoError(t, err)
	}
	m := &monitor{scene: s, token: control.Token(t, namespace, "prometheus")}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	running.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				m.round(ctx)
			}
		}
	})
	return m
}

// begin starts an evaluation with no history. aggregator says that kube-apiserver is scraped
// too.
func (m *monitor) begin(t cluster.T, aggregator bool) {
	t.Helper()
	e := newEvaluator(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.evaluator, m.mu.last, m.mu.fired, m.mu.state, m.mu.failure, m.mu.aggregator = e, nil, map[string]bool{}, verdict{}, nil, aggregator
}

// standsStill is an alert about a counter that stands still, as all do in a repeated round.
const standsStill = "MusterSelfAuditsStop"

// finish scrapes once more, now that all is well, and repeats that round until every alert
// whose cause is gone has ended. It does so again for a while if an alert is left. It returns
// the alerts that fired, and those that are left.
func (m *monitor) finish(t cluster.T) (fired, left map[string]bool) {
	t.Helper()
	const settle = 15 * time.Second // some metrics are renewed every 5 seconds only
	_ = poll.Until(t.Context(), settle, func(ctx context.Context) error {
		m.round(ctx)
		m.repeat(t, int(70*time.Minute/interval)) // the longest range of an alert that ends by itself is an hour
		if left = m.left(); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.evaluator.end(t)
	m.mu.evaluator = nil
	return m.mu.fired, left
}

// left returns the alerts that fire, or are pending and will fire.
func (m *monitor) left() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := m.mu.state.in("pending")
	delete(left, standsStill)
	maps.Copy(left, m.mu.state.in("firing"))
	return left
}

// repeat makes the last round again so many times.
func (m *monitor) repeat(t cluster.T, rounds int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	require.NoError(t, m.mu.failure)
	require.NotEmpty(t, m.mu.last)
	m.takeLocked(m.mu.last, rounds)
	require.NoError(t, m.mu.failure)
}

// fires waits until an alert fires, in rounds of new scrapes.
func (m *monitor) fires(t cluster.T, name string) { t.Helper(); m.wait(t, name, "firing") }

// holds waits until an alert is pending, and repeats the state of that time until the alert
// fires: for alerts that wait long, and whose cause does not change meanwhile.
func (m *monitor) holds(t cluster.T, name string) {
	t.Helper()
	m.wait(t, name, "pending", "firing")
	m.repeat(t, int(rules(t)[name].lasts(t)/interval)+1)
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Contains(t, slices.Collect(maps.Keys(m.mu.state.in("firing"))), name)
}

// ends waits until scrapes of all targets no longer show the cause of an alert. Some metrics are renewed every
// 5 seconds only, and a replica forgets the size of a member's database after a minute.
func (m *monitor) ends(t cluster.T, name string) {
	t.Helper()
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, each := range m.mu.last {
			if !each.Up { // an alert also ends with the series that it is about
				return fmt.Errorf("%v is not scraped", each.Labels)
			}
		}
		if m.mu.state.in("pending")[name] || m.mu.state.in("firing")[name] {
			return fmt.Errorf("%s has not ended: %v", name, m.mu.state.Alerts)
		}
		return m.mu.failure
	}))
}

func (m *monitor) wait(t cluster.T, name string, states ...string) {
	t.Helper()
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, state := range states {
			if m.mu.state.in(state)[name] {
				return nil
			}
		}
		if m.mu.failure != nil {
			return m.mu.failure
		}
		return fmt.Errorf("%s is not %s: %v", name, states[0], m.mu.state.Alerts)
	}))
}

// sees waits until a round shows a number, or more, at all replicas of muster-apiserver.
func (m *monitor) sees(t cluster.T, series string, number int) {
	t.Helper()
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		servers := 0
		for _, each := range m.mu.last {
			if each.Labels["job"] != cluster.ServerName {
				continue
			}
			servers++
			_, text, _ := strings.Cut(each.Text, series)
			text, _, _ = strings.Cut(text, "\n")
			if n, err := strconv.Atoi(text); err != nil || n < number {
				return fmt.Errorf("%s shows %s%s", each.Labels["pod"], series, text)
			}
		}
		if want := len(m.scene.muster.Replicas()); m.mu.failure == nil && servers != want {
			return fmt.Errorf("the last round has %d replicas of %s, not %d", servers, cluster.ServerName, want)
		}
		return m.mu.failure
	}))
}

// round scrapes all targets at the same time.
func (m *monitor) round(ctx context.Context) {
	m.scraping.Lock()
	defer m.scraping.Unlock()
	m.mu.Lock()
	idle, aggregator := m.mu.evaluator == nil, m.mu.aggregator
	m.mu.Unlock()
	if idle {
		return
	}
	wanted := m.targets(aggregator)
	var scrapes sync.WaitGroup
	for i := range wanted {
		scrapes.Go(func() { wanted[i].scrape(ctx) })
	}
	scrapes.Wait()
	all := make([]target, len(wanted))
	for i, each := range wanted {
		all[i] = each.target
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.evaluator != nil && ctx.Err() == nil {
		m.takeLocked(all, 1)
	}
}

func (m *monitor) takeLocked(all []target, rounds int) {
	v, err := m.mu.evaluator.rounds(all, rounds)
	if err != nil {
		m.mu.failure = err
		return
	}
	m.mu.last, m.mu.state = all, v
	for _, name := range v.Fired {
		m.mu.fired[name] = true
	}
}

// scraped is a target and the way to it.
type scraped struct {
	target
	config *rest.Config
	keep   []string // the beginnings of the lines that the rules are about
}

// targets returns what the ServiceMonitors select: all Pods of the Services, ready or not.
func (m *monitor) targets(aggregator bool) []*scraped {
	pod := func(job, name, address string, config *rest.Config) *scraped {
		return &scraped{target{Labels: map[string]string{
			"job": job, "service": job, "container": job, "endpoint": "https", "namespace": cluster.Namespace, "pod": name, "instance": address,
		}}, config, []string{"muster_", "process_start_time_seconds "}}
	}
	prometheus := control.WithToken(m.token)
	var all []*scraped
	for _, r := range m.scene.muster.Replicas() {
		all = append(all, pod(cluster.ServerName, r.Name, strings.TrimPrefix(r.URL, "https://"), r.Direct(prometheus)))
	}
	for _, c := range m.scene.controllers {
		config := rest.CopyConfig(prometheus)
		// Each process signs its own certificate.
		config.Host, config.TLSClientConfig = "https://"+c.address, rest.TLSClientConfig{Insecure: true}
		all = append(all, pod("muster-controller", c.pod(), c.address, config))
	}
	if aggregator {
		all = append(all, &scraped{target{Labels: map[string]string{"job": "apiserver", "instance": control.Config.Host}}, control.Config, []string{`aggregator_unavailable_apiservice{`}})
	}
	return all
}

func (s *scraped) scrape(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, scrapeLimit)
	defer cancel()
	client, err := rest.HTTPClientFor(cluster.Unshared(s.config))
	if err != nil {
		return
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.Host+"/metrics", nil)
	if err != nil {
		return
	}
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if slices.ContainsFunc(s.keep, func(start string) bool { return strings.HasPrefix(line, start) }) {
			kept.WriteString(line)
		}
	}
	s.Up, s.Text = true, kept.String()
}
