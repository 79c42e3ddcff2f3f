// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
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
func waitLost(t *testing.T, r *cluster.Replica) {
	t.Helper()
	require.Eventually(t, func() bool {
		ready, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, "/readyz?verbose", "")
		if err != nil || ready.status != http.StatusInternalServerError || !strings.Contains(ready.body, "engine") {
			return false
		}
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, groupPath, "")
		return err == nil && a.status == http.StatusServiceUnavailable && strings.Contains(a.body, "etcd lost")
	}, within, pace, "%s is ready without etcd", r.Name)
}

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

		once := l.askOnce(ctx, m)
		t.Cleanup(victim.Mend)
		begun := time.Now()
		for _, proxy := range victim.Etcd {
			each.cut(proxy)
		}
		waitLost(t, victim)
		noticed := time.Since(begun)
		require.Eventually(t, func() bool { return !victim.Ready() }, within, pace, "the Service offers a replica without etcd")
		out := time.Since(begun)
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
		t.Logf("%s: unready after %s, out of the Service after %s; requests without a retry, by their result: %s",
			each.title, noticed.Round(10*time.Millisecond), out.Round(10*time.Millisecond), once())
	}
	l.finish(t, m, "replica partitioned from etcd")
}

// askOnce sends reads through the Service, each on a new connection and without a retry,
// until ctx ends. The function that it returns ends with how many had each result.
func (l *load) askOnce(ctx context.Context, m *cluster.Muster) (results func() string) {
	var mu sync.Mutex
	counts, slowest := map[string]int{}, time.Duration(0)
	config := m.Direct(control.Config)
	for i := range clusters {
		l.every(ctx, func() {
			begun := time.Now()
			a, err := ask(ctx, config, http.MethodGet, groupPath+"/namespaces/"+l.fleet.homes[i]+"/bundledeployments/"+everywhere, "")
			if ctx.Err() != nil {
				return
			}
			result := "no answer"
			if err == nil {
				result = strconv.Itoa(a.status)
			}
			mu.Lock()
			defer mu.Unlock()
			counts[result]++
			slowest = max(slowest, time.Since(begun))
		})
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("%v, the slowest after %s", counts, slowest.Round(10*time.Millisecond))
	}
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
