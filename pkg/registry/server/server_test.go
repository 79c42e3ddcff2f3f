// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/server/servertest"
)

// byHeader trusts the header User. It replaces the certificates and tokens of a real
// server, which have their own tests.
func byHeader(req *http.Request) (*authenticator.Response, bool, error) {
	name := req.Header.Get("User")
	if name == "" {
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: name, Groups: req.Header.Values("Group")}}, true, nil
}

// newConfig returns a complete configuration on a free port of the loopback address.
func newConfig(t *testing.T) server.Config {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	config := server.NewConfig()
	secure := &options.SecureServingOptions{Listener: listener, BindAddress: net.IPv4(127, 0, 0, 1)}
	require.NoError(t, secure.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil))
	require.NoError(t, secure.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig))
	config.Authentication.Authenticator = authenticator.RequestFunc(byHeader)
	config.Authorization.Authorizer = authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)
	return server.Config{Generic: config, Storage: servertest.Storage(), Ready: func() error { return nil }}
}

// running is a server that runs for the duration of a test.
type running struct {
	*testing.T
	base   string
	client *http.Client
}

func start(t *testing.T, config server.Config) *running {
	t.Helper()
	api, err := server.New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- api.PrepareRun().RunWithContext(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	// The client is anonymous; each request names its user.
	anonymous := rest.AnonymousClientConfig(api.LoopbackClientConfig)
	anonymous.TLSClientConfig = api.LoopbackClientConfig.TLSClientConfig
	anonymous.Dial = dialFor(t)
	client, err := rest.HTTPClientFor(anonymous)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return &running{T: t, base: anonymous.Host, client: client}
}

// dialFor ends connections with the test. A client that had to use a new connection may
// still be opening it then, without need. The server would wait a minute for it, because
// net/http does not announce its shutdown to an HTTP/2 connection that it learns of later.
func dialFor(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			context.AfterFunc(t.Context(), func() { _ = conn.Close() })
		}
		return conn, err
	}
}

type answer struct {
	code   int
	header http.Header
	body   []byte
}

// status decodes an answer that must be a metav1.Status.
func (a answer) status(t *testing.T) metav1.Status {
	t.Helper()
	var status metav1.Status
	require.NoError(t, json.Unmarshal(a.body, &status), "%s", a.body)
	require.Equal(t, "Status", status.Kind)
	require.Equal(t, "v1", status.APIVersion)
	return status
}

// object decodes an answer that must be an object.
func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal(a.body, &object), "%s", a.body)
	return object
}

// do sends a request as a master.
func (r *running) do(method, path, contentType string, body io.Reader) answer {
	r.Helper()
	return r.as(http.Header{"User": {"root"}, "Group": {user.SystemPrivilegedGroup}}, method, path, contentType, body)
}

func (r *running) as(identity http.Header, method, path, contentType string, body io.Reader) answer {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.base+path, body)
	require.NoError(r, err)
	maps.Copy(req.Header, identity)
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	response, err := r.client.Do(req)
	require.NoError(r, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(r, err)
	return answer{code: response.StatusCode, header: response.Header, body: content}
}

const clusters = "/apis/fleet.cattle.io/v1alpha1/namespaces/fleet-default/clusters"

func cluster(name string) io.Reader {
	return strings.NewReader(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"` + name + `","labels":{"env":"dev"}}}`)
}

func TestNewRefusesAConfigurationThatIsNotSafe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*server.Config)
		says   string
	}{
		"without a generic configuration":    {func(c *server.Config) { c.Generic = nil }, "Generic is nil"},
		"without an authenticator":           {func(c *server.Config) { c.Generic.Authentication.Authenticator = nil }, "Authenticator is nil"},
		"without an authoriser":              {func(c *server.Config) { c.Generic.Authorization.Authorizer = nil }, "Authorizer is nil"},
		"without a certificate":              {func(c *server.Config) { c.Generic.SecureServing.Cert = nil }, "no certificate"},
		"without TLS":                        {func(c *server.Config) { c.Generic.SecureServing = nil }, "no certificate"},
		"without a check of readiness":       {func(c *server.Config) { c.Ready = nil }, "Ready is nil"},
		"without anything that it can serve": {func(c *server.Config) { c.Storage = nil }, "Storage is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := newConfig(t)
			c.change(&config)
			api, err := server.New(config)
			require.ErrorContains(t, err, c.says)
			require.Nil(t, api)
		})
	}
}

func TestReadyzFollowsTheEngineAndLivezDoesNot(t *testing.T) {
	t.Parallel()
	var broken atomic.Pointer[error]
	config := newConfig(t)
	config.Ready = func() error {
		if err := broken.Load(); err != nil {
			return *err
		}
		return nil
	}
	loading := errors.New("still loading")
	broken.Store(&loading)
	var away atomic.Bool
	config.Reached = func() error {
		if away.Load() {
			return errors.New("etcd does not answer")
		}
		return nil
	}
	s := start(t, config)

	answer := s.do("GET", "/readyz?verbose", "", nil)
	require.Equal(t, http.StatusInternalServerError, answer.code)
	require.Contains(t, string(answer.body), "[-]engine failed")
	require.Contains(t, string(answer.body), "[+]etcd ok", "it is starting")
	require.Equal(t, http.StatusOK, s.do("GET", "/livez", "", nil).code, "a server must not be killed while it loads")
	away.Store(true)
	require.Contains(t, string(s.do("GET", "/readyz?verbose", "", nil).body), "[-]etcd failed")
	require.Equal(t, http.StatusOK, s.do("GET", "/livez", "", nil).code, "nor after it has lost etcd: a restart would not bring etcd back")
	away.Store(false)

	broken.Store(nil)
	require.Eventually(t, func() bool { return s.do("GET", "/readyz", "", nil).code == http.StatusOK }, waitLimit, tick)
	require.Contains(t, string(s.do("GET", "/readyz?verbose", "", nil).body), "[+]engine ok")

	broken.Store(&loading)
	require.Equal(t, http.StatusInternalServerError, s.do("GET", "/readyz", "", nil).code)
}

func TestClientsNeedAuthenticationAndAuthorization(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	for _, path := range []string{
		"/", "/livez", "/readyz", "/healthz", "/metrics", "/version", "/openapi/v2", "/openapi/v3", "/apis",
		"/apis/fleet.cattle.io", "/apis/fleet.cattle.io/v1alpha1", clusters, clusters + "/a", "/debug/pprof/", "/no/such/path",
	} {
		answer := s.as(nil, "GET", path, "", nil)
		require.Equal(t, http.StatusUnauthorized, answer.code, path)
		require.Equal(t, metav1.StatusReasonUnauthorized, answer.status(t).Reason, path)

		answer = s.as(http.Header{"User": {"eve"}, "Group": {user.AllAuthenticated}}, "GET", path, "", nil)
		require.Equal(t, http.StatusForbidden, answer.code, path)
		require.Equal(t, metav1.StatusReasonForbidden, answer.status(t).Reason, path)
	}
}

func TestABundleOfManyMegabytesGetsThrough(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	body := func(bytes int) io.Reader {
		return strings.NewReader(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"big","annotations":{"note":"` +
			strings.Repeat("x", bytes) + `"}}}`)
	}
	large, copied := 18<<20, 8<<20
	if invariants.Enabled {
		// To decode them under the race detector takes longer than a request may.
		large, copied = large/3, copied/8
	}
	require.Equal(t, http.StatusCreated, s.do("POST", clusters, "application/json", body(large)).code)
	require.Equal(t, http.StatusRequestEntityTooLarge, s.do("POST", clusters, "application/json", body(server.MaxRequestBodyBytes)).code)
	patch := `[{"op":"add","path":"/metadata/annotations/copy","value":"` + strings.Repeat("y", copied) + `"}]`
	require.Equal(t, http.StatusOK, s.do("PATCH", clusters+"/big", "application/json-patch+json", strings.NewReader(patch)).code)
}

func TestAnOpenWatchDoesNotDelayAStop(t *testing.T) {
	t.Parallel()
	api, err := server.New(newConfig(t))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- api.PrepareRun().RunWithContext(ctx) }()
	client, err := rest.HTTPClientFor(api.LoopbackClientConfig)
	require.NoError(t, err)

	req, err := http.NewRequestWithContext(t.Context(), "GET", api.LoopbackClientConfig.Host+clusters+"?watch=true", nil)
	require.NoError(t, err)
	response, err := client.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, response.Body)
		ended <- errors.Join(err, response.Body.Close())
	}()
	cancel()
	for range 2 {
		select {
		case err := <-done:
			require.NoError(t, err)
			done = nil
		case err := <-ended:
			require.NoError(t, err, "the watch must end as at its timeout, not be cut off")
			ended = nil
		case <-t.Context().Done():
			require.Fail(t, "the server does not stop")
		}
	}
}
