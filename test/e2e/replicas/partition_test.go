// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/flakyproxy"
)

type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends one request, and does not retry.
func ask(ctx context.Context, config *rest.Config, method, path, body string) (*answer, error) {
	config = cluster.Unshared(config)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, method, config.Host+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &answer{response.StatusCode, response.Header, string(text)}, nil
}

func metric(t *testing.T, config *rest.Config, name string) float64 {
	t.Helper()
	a, err := ask(t.Context(), config, http.MethodGet, "/metrics", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, a.body)
	for lines := bufio.NewScanner(strings.NewReader(a.body)); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), name+" "); found {
			value, err := strconv.ParseFloat(rest, 64)
			require.NoError(t, err)
			return value
		}
	}
	require.Fail(t, "no metric "+name)
	return 0
}

const groupPath = "/apis/fleet.cattle.io/v1alpha1"

// refusesAll checks that a replica that is not ready answers no request about objects.
func refusesAll(t *testing.T, r *cluster.Replica, f fleet) {
	t.Helper()
	config := r.Direct(control.Config)
	for _, each := range []struct{ method, path, body string }{
		{"GET", groupPath + "/namespaces/" + f.homes[0] + "/bundledeployments/" + everywhere, ""},
		{"GET", groupPath + "/namespaces/" + f.homes[0] + "/bundledeployments/" + everywhere + "?resourceVersion=0", ""},
		{"GET", groupPath + "/namespaces/" + f.homes[0] + "/bundledeployments/never-was", ""},
		{"GET", groupPath + "/bundledeployments", ""},
		{"GET", groupPath + "/bundledeployments?resourceVersion=0", ""},
		{"GET", groupPath + "/namespaces/never-was/bundledeployments", ""},
		{"GET", groupPath + "/bundledeployments?watch=true&resourceVersion=0&timeoutSeconds=5", ""},
		{"GET", groupPath + "/bundledeployments?watch=true&timeoutSeconds=5", ""},
		{"GET", groupPath + "/clusters", ""},
		{"GET", groupPath + "/contents", ""},
		{"GET", groupPath, ""},
		{"PATCH", groupPath + "/namespaces/" + f.namespace + "/clusters/" + clusterName(0), `{"metadata":{"labels":{"colour":"red"}}}`},
		{"DELETE", groupPath + "/namespaces/" + f.namespace + "/clusters/never-was", ""},
	} {
		a, err := ask(t.Context(), config, each.method, each.path, each.body)
		require.NoError(t, err)
		want := http.StatusServiceUnavailable
		if strings.Contains(each.path, "watch=true") {
			want = http.StatusTooManyRequests // a status after which informers do not list again
		}
		require.Equal(t, want, a.status, "%s %s: %s", each.method, each.path, a.body)
		require.NotEmpty(t, a.header.Get("Retry-After"), "%s %s", each.method, each.path)
		require.Contains(t, a.body, "etcd lost", "%s %s", each.method, each.path)
	}
}

// waitLost waits until a replica itself reports that it has lost etcd: a probe may also
// fail because the machine is busy.
func waitLost(t *testing.T, r *cluster.Replica, limit time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		ready, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, "/readyz?verbose", "")
		if err != nil || ready.status != http.StatusInternalServerError || !strings.Contains(ready.body, "engine") {
			return false
		}
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, groupPath, "")
		return err == nil && a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "etcd lost")
	}, limit, pace, "%s is ready without etcd", r.Name)
}

// noticedWithin bounds the time until a replica without etcd is unready: the engine's
// lostAfter, a probe or two, and the delays of a busy machine.
const noticedWithin = 10 * time.Second

func testPartition(t *testing.T, m *cluster.Muster, _ *cluster.Etcd) {
	l := startLoad(t, m, newFleet(t, "partition", control.Config))
	for _, each := range []struct {
		title string
		cut   func(*flakyproxy.Proxy)
	}{{"black hole", (*flakyproxy.Proxy).Stall}, {"connections cut", (*flakyproxy.Proxy).Cut}} {
		victim := m.Replicas()[0]
		ctx, cancel := background(t)
		// These are the answers of the replica itself, without retries.
		answers := l.interrogate(t, ctx, victim)
		open, err := dynamicClient(t, victim.Direct(control.Config)).Resource(resource("clusters")).Namespace("nobody").Watch(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		defer open.Stop()
		waitFor(t, answers)

		t.Cleanup(victim.Mend)
		begun := time.Now()
		for _, proxy := range victim.Etcd {
			each.cut(proxy)
		}
		waitLost(t, victim, noticedWithin)
		noticed := time.Since(begun)
		select {
		case _, more := <-open.ResultChan():
			require.False(t, more, "a watch sent an event")
		case <-time.After(within):
			require.Fail(t, "a watch stayed open")
		}
		refusesAll(t, victim, l.fleet)
		l.waitProgress(t, 3)
		victim.Mend()
		victim.WaitReady(t)
		waitFor(t, answers)
		cancel()
		t.Logf("%s: unready %s after", each.title, noticed.Round(10*time.Millisecond))
	}
	l.finish(t, m, "replica partitioned from etcd")
}

// interrogate asks one replica without end; its answers must be right. The channel gets each
// right answer that a test waits for.
func (l *load) interrogate(t *testing.T, ctx context.Context, r *cluster.Replica) <-chan struct{} {
	t.Helper()
	right := make(chan struct{})
	c := dynamicClient(t, r.Direct(control.Config))
	straight := r.Direct(control.Config)
	turn := 0
	l.every(ctx, func() {
		turn++
		i := turn % clusters
		asking, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		a, err := ask(asking, straight, http.MethodGet, groupPath+"/namespaces/"+l.fleet.homes[i]+"/bundledeployments/"+everywhere+[]string{"", "?resourceVersion=0"}[turn/clusters%2], "")
		if err == nil && a.status == http.StatusNotFound {
			l.blame("%s: %s", r.Name, a.body)
		}
		low := l.floors()
		list, err := c.Resource(resource("bundledeployments")).List(asking, metav1.ListOptions{})
		if err != nil {
			var status apierrors.APIStatus
			if ctx.Err() == nil && asking.Err() == nil && errors.As(err, &status) && status.Status().Code < http.StatusInternalServerError && !apierrors.IsTooManyRequests(err) {
				l.blame("%s LIST: %v", r.Name, err)
			}
			return
		}
		if err := l.checkList(list, low, l.ceilings()); err != nil {
			l.blame("%s LIST: %v", r.Name, err)
		}
		select {
		case right <- struct{}{}:
		default:
		}
	})
	return right
}

func waitFor(t *testing.T, answers <-chan struct{}) {
	t.Helper()
	select {
	case <-answers:
	case <-time.After(within):
		require.Fail(t, "no right answer")
	}
}
