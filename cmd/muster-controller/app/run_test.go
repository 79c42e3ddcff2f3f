// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/test/flakyproxy"
)

func parse(t *testing.T, args ...string) *Options {
	t.Helper()
	o := NewOptions()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, set := range o.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	require.NoError(t, flags.Parse(args))
	return o
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	good := []string{"--etcd-servers=http://127.0.0.1:2379"}
	require.NoError(t, parse(t, good...).Validate())
	require.ErrorContains(t, parse(t).Validate(), "--etcd-servers is missing")
	for _, c := range []struct {
		name, flag, want string
	}{
		{"a lease that is over before it is renewed", "--leader-elect-lease-duration=5s", "--leader-elect-lease-duration must be more than --leader-elect-renew-deadline"},
		{"a lease that is renewed too rarely", "--leader-elect-retry-period=9s", "1.2 times --leader-elect-retry-period"},
		{"a lease that is nowhere", "--leader-elect-resource-name=", "--leader-elect-resource-name are required"},
		{"everything open to every client", "--authorization-always-allow-paths=*", "would let every client in"},
		{"a namespace that is none", "--agent-system-namespace=A", "--agent-system-namespace=A"},
		{"a controller that does not exist", "--controllers=*,-agents", `"agents" is not in the list of known controllers`},
		{"a prefix that is no domain", "--clusterprofile-property-prefix=inventory", "--clusterprofile-property-prefix=inventory does not end in /"},
		{"fewer than no series", "--fleet-metrics-bundledeployments=-1", "--fleet-metrics-bundledeployments is negative"},
		{"reload of nothing", "--encryption-provider-config-automatic-reload", "needs --encryption-provider-config"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, parse(t, append(good[:1:1], c.flag)...).Validate(), c.want)
		})
	}
	require.NoError(t, parse(t, append(good[:1:1], "--leader-elect=false", "--leader-elect-resource-name=")...).Validate())
}

func TestUselessFlagsAreNotOffered(t *testing.T) {
	t.Parallel()
	offered := map[string]bool{}
	for _, set := range NewOptions().Flags().FlagSets {
		set.VisitAll(func(f *pflag.Flag) { offered[f.Name] = true })
	}
	for _, name := range []string{"etcd-servers", "etcd-prefix", "encryption-provider-config", "kubeconfig", "leader-elect", "leader-elect-resource-namespace", "secure-port", "controllers", "agent-api-server-url", "logging-format"} {
		require.True(t, offered[name], name)
	}
	for _, name := range []string{"leader-elect-resource-lock", "authentication-tolerate-lookup-failure", "cert-dir", "etcd-compaction-interval"} {
		require.False(t, offered[name], name)
	}
}

// kubeAPI starts a kube-apiserver that knows only one token and that its user may read
// metrics.
func kubeAPI(t *testing.T) (kubeconfig string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/tokenreviews"):
			known := strings.Contains(string(body), "good")
			fmt.Fprintf(w, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"authenticated":%v,"user":{"username":"prometheus"}}}`, known)
		case strings.HasSuffix(r.URL.Path, "/subjectaccessreviews"):
			fmt.Fprintf(w, `{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","status":{"allowed":%v}}`, strings.Contains(string(body), "prometheus"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"x","contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],
"clusters":[{"name":"x","cluster":{"server":%q}}],"users":[{"name":"x","user":{"token":"own"}}]}`, s.URL)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestHealthIsOpenAndMetricsNeedARight(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	link := flakyproxy.Start(t, etcdtest.Start(t).Address())
	o := parse(t, "--etcd-servers=http://"+link.Address, "--leader-elect=false", "--kubeconfig="+kubeAPI(t))
	o.Serving.Listener = listener
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, o) }()

	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // it made its certificate itself
	client := &http.Client{Transport: transport}
	ask := func(path, token string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listener.Addr().String()+path, nil)
		require.NoError(t, err)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	require.Eventually(t, func() bool {
		code, _ := ask("/readyz", "")
		return code == http.StatusOK
	}, time.Minute, 20*time.Millisecond)
	for _, path := range []string{"/healthz", "/livez"} {
		code, body := ask(path, "")
		require.Equal(t, http.StatusOK, code, body)
	}
	for path, metric := range map[string]string{"/metrics": "muster_rollout_records_total", "/metrics/fleet": "muster_fleet_metrics_revision"} {
		code, _ := ask(path, "")
		require.Contains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, code)
		code, _ = ask(path, "bad")
		require.Equal(t, http.StatusUnauthorized, code)
		code, body := ask(path, "good")
		require.Equal(t, http.StatusOK, code, body)
		require.Contains(t, body, metric)
	}

	// Without etcd the numbers of the fleet may be wrong, and those of the process are not.
	link.Stall()
	require.Eventually(t, func() bool {
		code, _ := ask("/metrics/fleet", "good")
		return code == http.StatusServiceUnavailable
	}, time.Minute, 20*time.Millisecond)
	code, body := ask("/metrics", "good")
	require.Equal(t, http.StatusOK, code, body)
	link.Mend()

	transport.CloseIdleConnections()
	cancel()
	require.NoError(t, <-done)
}

func TestTheErrorForAnUnreachableKubernetesNamesTheFlag(t *testing.T) {
	t.Parallel()
	o := parse(t, "--etcd-servers=http://127.0.0.1:1", "--kubeconfig="+filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, Run(t.Context(), o), "--kubeconfig")
}
