// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// health is a replica's readiness, which a test controls.
type health struct {
	mu struct {
		sync.Mutex
		err  error
		lost context.Context
		lose context.CancelFunc
	}
}

func newHealth() *health {
	h := &health{}
	h.mu.lost, h.mu.lose = context.WithCancel(context.Background())
	return h
}

func (h *health) ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.err
}

func (h *health) unready() context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.lost
}

func (h *health) lose(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.err = err
	h.mu.lose()
}

func (h *health) recover() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.err = nil
	h.mu.lost, h.mu.lose = context.WithCancel(context.Background())
}

var errLost = errors.New("etcd lost: last up to date 7s ago")

func withHealth(config server.Config, h *health) server.Config {
	config.Ready, config.Unready = h.ready, h.unready
	return config
}

const groupVersion = "/apis/fleet.cattle.io/v1alpha1"

func TestAnUnreadyReplicaAnswersOnlyWhatNeverChanges(t *testing.T) {
	t.Parallel()
	h := newHealth()
	s := start(t, withHealth(newConfig(t), h))
	require.Equal(t, http.StatusCreated, s.do("POST", clusters, "application/json", cluster("a")).code)
	require.Eventually(t, func() bool { return s.do("GET", "/readyz", "", nil).code == http.StatusOK }, waitLimit, tick)
	h.lose(errLost)

	for name, c := range map[string]struct{ method, path, contentType string }{
		"a read of any state":        {"GET", clusters + "?resourceVersion=0", ""},
		"a read of the newest state": {"GET", clusters, ""},
		"an object":                  {"GET", clusters + "/a", ""},
		"a missing object":           {"GET", clusters + "/nope", ""},
		"all namespaces":             {"GET", groupVersion + "/clusters", ""},
		"a watch":                    {"GET", clusters + "?watch=true&resourceVersion=5", ""},
		"a watch by its old path":    {"GET", groupVersion + "/watch/clusters", ""},
		"a create":                   {"POST", clusters, "application/json"},
		"a patch":                    {"PATCH", clusters + "/a", "application/merge-patch+json"},
		"the aggregator's probe":     {"GET", groupVersion, ""},
		"the probe, with a slash":    {"GET", groupVersion + "/", ""},
		"a kind that does not exist": {"GET", groupVersion + "/nothings", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var body io.Reader
			if c.contentType != "" {
				body = cluster("b")
			}
			answer := s.do(c.method, c.path, c.contentType, body)
			code, reason := http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable
			if strings.HasPrefix(name, "a watch") {
				code, reason = http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests
			}
			require.Equal(t, code, answer.code, "%s", answer.body)
			require.Equal(t, "1", answer.header.Get("Retry-After"))
			status := answer.status(t)
			require.Equal(t, reason, status.Reason)
			require.EqualValues(t, 1, status.Details.RetryAfterSeconds)
			require.Contains(t, status.Message, errLost.Error())

			answer = s.as(http.Header{"User": {"eve"}, "Group": {user.AllAuthenticated}}, c.method, c.path, c.contentType, nil)
			require.Equal(t, http.StatusForbidden, answer.code, "a client without rights learns nothing")
			require.NotContains(t, string(answer.body), "etcd")
			require.Equal(t, http.StatusUnauthorized, s.as(nil, c.method, c.path, c.contentType, nil).code)
		})
	}
	for _, path := range []string{"/apis", "/apis/fleet.cattle.io", "/openapi/v2", "/openapi/v3", "/healthz", "/livez", "/metrics", "/version"} {
		t.Run("open: "+path, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, http.StatusOK, s.do("GET", path, "", nil).code)
		})
	}
	t.Run("readyz says why", func(t *testing.T) {
		t.Parallel()
		answer := s.do("GET", "/readyz?verbose", "", nil)
		require.Equal(t, http.StatusInternalServerError, answer.code)
		require.Contains(t, string(answer.body), "[-]engine failed")
	})
}

func TestAReplicaThatIsReadyAgainAnswersAgain(t *testing.T) {
	t.Parallel()
	h := newHealth()
	s := start(t, withHealth(newConfig(t), h))
	h.lose(errLost)
	require.Equal(t, http.StatusServiceUnavailable, s.do("GET", groupVersion, "", nil).code)
	h.recover()
	require.Equal(t, http.StatusOK, s.do("GET", groupVersion, "", nil).code)
	require.Equal(t, http.StatusOK, s.do("GET", clusters, "", nil).code)
}

func TestTheAnswerOverHTTP1ClosesTheConnection(t *testing.T) {
	t.Parallel()
	h := newHealth()
	s := start(t, withHealth(newConfig(t), h))
	s.client.Transport = asRoot{RoundTripper: http1(t, s)}
	require.False(t, closes(t, s))
	h.lose(errLost)
	require.True(t, closes(t, s))
}

// http1 returns the client's transport without HTTP/2.
func http1(t *testing.T, s *running) http.RoundTripper {
	config := &rest.Config{Host: s.base, TLSClientConfig: rest.TLSClientConfig{Insecure: true, NextProtos: []string{"http/1.1"}}}
	transport, err := rest.TransportFor(config)
	require.NoError(t, err)
	return transport
}

func closes(t *testing.T, s *running) bool {
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.base+clusters, nil)
	require.NoError(t, err)
	response, err := s.client.Do(req)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 1, response.ProtoMajor)
	return response.Close
}

// asRoot sends requests as root, as byHeader reads it.
type asRoot struct {
	http.RoundTripper
	accept string
}

func (a asRoot) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User", "root")
	req.Header.Set("Group", user.SystemPrivilegedGroup)
	if a.accept != "" {
		req.Header.Set("Accept", a.accept)
	}
	return a.RoundTripper.RoundTrip(req)
}

// clientOf returns a client as programs use it: client-go over HTTP/2, through an address
// that the test chooses.
func clientOf(t *testing.T, s *running, dial func(context.Context, string, string) (net.Conn, error)) *versioned.Clientset {
	client, err := versioned.NewForConfig(&rest.Config{
		Host: s.base, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, Dial: dial,
		WrapTransport: func(next http.RoundTripper) http.RoundTripper { return asRoot{RoundTripper: next} },
	})
	require.NoError(t, err)
	return client
}

// service acts like a Kubernetes Service to a client: each new connection goes to the next
// replica.
type service struct {
	addresses []string
	conns     atomic.Int64
}

func (s *service) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n := s.conns.Add(1) - 1
	return new(net.Dialer).DialContext(ctx, "tcp", s.addresses[int(n)%len(s.addresses)])
}

func TestAClientOfAServiceIsAnsweredByTheReplicaThatIsReady(t *testing.T) {
	t.Parallel()
	sick, well := newHealth(), newHealth()
	one, other := start(t, withHealth(newConfig(t), sick)), start(t, withHealth(newConfig(t), well))
	both := &service{}
	for _, s := range []*running{one, other} {
		both.addresses = append(both.addresses, s.base[len("https://"):])
		require.Equal(t, http.StatusCreated, s.do("POST", clusters, "application/json", cluster("a")).code)
	}
	client := clientOf(t, one, both.dial).FleetV1alpha1().Clusters("fleet-default")
	_, err := client.Get(t.Context(), "a", metav1.GetOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 1, both.conns.Load(), "the client speaks to the first")

	watching, err := client.Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 1, both.conns.Load(), "on one connection, which is HTTP/2's way")
	sick.lose(errLost)
	ends(t, watching)

	begun := time.Now()
	for _, options := range []metav1.GetOptions{{}, {ResourceVersion: "0"}} {
		_, err = client.Get(t.Context(), "a", options)
		require.NoError(t, err)
	}
	require.EqualValues(t, 2, both.conns.Load(), "the next try took a new connection")
	require.Less(t, time.Since(begun), 5*time.Second)
	again, err := client.Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err, "the other replica continues it")
	again.Stop()
}

// ends waits for the end of a watch, which must not be an error.
func ends(t *testing.T, w watch.Interface) {
	t.Helper()
	select {
	case event, open := <-w.ResultChan():
		require.False(t, open, "%v", event)
	case <-time.After(waitLimit):
		require.Fail(t, "the watch continues")
	}
}

func TestOnlyWatchesThatAreOpenWhenReadinessEndsAreEnded(t *testing.T) {
	t.Parallel()
	h := newHealth()
	s := start(t, withHealth(newConfig(t), h))
	client := clientOf(t, s, nil).FleetV1alpha1().Clusters("fleet-default")
	watches := make([]watch.Interface, 5)
	for i := range watches {
		var err error
		watches[i], err = client.Watch(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
	}
	h.lose(errLost)
	for _, w := range watches {
		ends(t, w)
	}
	h.recover()
	w, err := client.Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	defer w.Stop()
	select {
	case event := <-w.ResultChan():
		require.Fail(t, "a watch of a replica that is ready ended", "%v", event)
	default:
	}
	_, err = client.Get(t.Context(), "nope", metav1.GetOptions{})
	require.Error(t, err)
}
