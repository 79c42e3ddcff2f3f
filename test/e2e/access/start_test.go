// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// attempt is one attempt to start Muster's binary.
type attempt struct {
	name string
	// without lists flags that are removed, with those that are added.
	without, with []string
	// config connects to kube-apiserver; nil means not at all.
	config *rest.Config
	// says lists parts of the message.
	says []string
}

// A server that could not identify its clients must not start, and must answer no client
// before it exits.
func TestMusterDoesNotStartWhereItCannotIdentifyClients(t *testing.T) {
	t.Parallel()
	self := control.AsAccount(t, cluster.Namespace, cluster.ServerName)
	gone := rest.CopyConfig(self)
	gone.Host = "https://127.0.0.1:" + freePort(t)
	ca, _ := control.CA.Client("x").Write(t, t.TempDir(), "authority")
	_, err := control.Client.CoreV1().ServiceAccounts(workspace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "no-rights"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	for _, c := range []attempt{
		{name: "outside of a cluster, without a kubeconfig", says: []string{"--authentication-kubeconfig", "service account"}},
		{name: "without a kubeconfig, with lookup disabled", with: []string{"--authentication-skip-lookup"}, says: []string{"--authentication-skip-lookup", "--requestheader-client-ca-file"}},
		{name: "with the lookup of the front proxy disabled", config: self, with: []string{"--authentication-skip-lookup"}, says: []string{"--authentication-skip-lookup", "--requestheader-client-ca-file"}},
		{name: "with a front proxy of any name", config: self, with: []string{"--requestheader-client-ca-file=" + ca}, says: []string{"--requestheader-client-ca-file", "--requestheader-allowed-names"}},
		{name: "with a front proxy's authority that does not exist", config: self, with: []string{"--requestheader-client-ca-file=/none", "--requestheader-allowed-names=x"}, says: []string{"requestheader-client-ca-file", "/none"}},
		{name: "without its certificate", config: self, without: []string{"--tls-cert-file", "--tls-private-key-file"}, says: []string{"--tls-cert-file", "--tls-private-key-file"}},
		{name: "without its key", config: self, without: []string{"--tls-private-key-file"}, says: []string{"--tls-private-key-file"}},
		{name: "told to start without the cluster's configuration", config: self, with: []string{"--authentication-tolerate-lookup-failure"}, says: []string{"unknown flag", "--authentication-tolerate-lookup-failure"}},
		{name: "with an insecure port", config: self, with: []string{"--insecure-port=8080"}, says: []string{"unknown flag", "--insecure-port"}},
		{name: "with authorization of everything", config: self, with: []string{"--authorization-mode=AlwaysAllow"}, says: []string{"unknown flag", "--authorization-mode"}},
		{name: "with all paths open", config: self, with: []string{"--authorization-always-allow-paths=/*"}, says: []string{"--authorization-always-allow-paths"}},
		{name: "with the API's paths open", config: self, with: []string{"--authorization-always-allow-paths=/healthz,/apis/*"}, says: []string{"--authorization-always-allow-paths", "/apis/*"}},
		{name: "on port 0, which means no port", config: self, with: []string{"--secure-port=0"}, says: []string{"--secure-port"}},
		{name: "with a kube-apiserver that does not exist", config: gone, says: []string{"--authentication-kubeconfig", "connection refused"}},
		{name: "with an account that has no rights", config: control.AsAccount(t, workspace, "no-rights"), says: []string{"--authentication-kubeconfig", "extension-apiserver-authentication", "forbidden"}},
		{name: "with an account that has ended", config: ended(t), says: []string{"--authentication-kubeconfig", "Unauthorized"}},
		{name: "with a cluster that has no front proxy", config: trusting(t, self, func(data map[string]string) {
			for key := range data {
				if strings.HasPrefix(key, "requestheader-") {
					delete(data, key)
				}
			}
		}), says: []string{"--requestheader-client-ca-file"}},
		{name: "with a cluster whose users' authority is the front proxy's, of any name", config: trusting(t, self, func(data map[string]string) {
			data["requestheader-client-ca-file"], data["requestheader-allowed-names"] = data["client-ca-file"], "[]"
		}), says: []string{"--requestheader-allowed-names", "speak for all others"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.failsToStart(t)
		})
	}
}

func (a attempt) failsToStart(t *testing.T) {
	t.Helper()
	e := a.ending(t)
	for range 5 {
		if !strings.Contains(e.out, "address already in use") {
			break
		}
		e = a.ending(t) // another program took the port, and may have answered on it
	}
	require.False(t, e.answered, "it answers; %s", e.out)
	var exit *exec.ExitError
	require.ErrorAs(t, e.err, &exit, e.out)
	require.Positive(t, exit.ExitCode(), "a signal ended it, so it would have continued: %s", e.out)
	require.NotContains(t, e.out, "goroutine ", "a panic instead of a message")
	var last string // the line that an operator reads
	for line := range strings.Lines(e.out) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	for _, each := range a.says {
		require.Contains(t, last, each, e.out)
	}
}

// ending says how an attempt ended.
type ending struct {
	err error
	out string
	// answered reports whether a server answered on the given port.
	answered bool
}

// ending starts a server and waits until it exits.
func (a attempt) ending(t *testing.T) ending {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	cert, key := muster.CA.Serving(cluster.ServerName).Write(t, dir, "tls")
	args := []string{
		"--etcd-servers=" + store.Endpoints()[0], "--etcd-cafile=" + store.CAFile, "--etcd-certfile=" + store.CertFile, "--etcd-keyfile=" + store.KeyFile,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--tls-cert-file=" + cert, "--tls-private-key-file=" + key,
	}
	if a.config != nil {
		kubeconfig := control.Kubeconfig(t, a.config)
		args = append(args, "--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig)
	}
	var kept []string
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		leave := false
		for _, without := range a.without {
			leave = leave || name == without
		}
		if !leave {
			kept = append(kept, arg)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	command := exec.CommandContext(ctx, cluster.Binary(t), append(kept, a.with...)...)
	command.Env = []string{"HOME=" + dir}
	var out strings.Builder
	command.Stdout, command.Stderr = &out, &out
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	var answered bool
	for {
		answered = answered || answers(ctx, port)
		select {
		case err := <-ended:
			return ending{err, out.String(), answered}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// answers reports whether a server speaks TLS on a port. A port may be open before its
// server knows whether it will serve: a connection then waits without an answer.
func answers(ctx context.Context, port string) bool {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // any answer is wrong
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// ended returns the configuration of an account whose token is no longer valid.
func ended(t *testing.T) *rest.Config {
	t.Helper()
	config := control.Anonymous()
	config.BearerToken = "e30.e30.e30"
	return config
}

// trusting returns a connection to kube-apiserver that changes the configuration of the
// trusted front proxy in its answers. A control plane with such a configuration would take
// too long to start, and this one restores its own.
func trusting(t *testing.T, config *rest.Config, change func(data map[string]string)) *rest.Config {
	t.Helper()
	const name = "extension-apiserver-authentication"
	read, err := control.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	read.APIVersion, read.Kind, read.ManagedFields = "v1", "ConfigMap", nil
	change(read.Data)
	text, err := json.Marshal(read)
	require.NoError(t, err)
	transport, err := rest.TransportFor(config)
	require.NoError(t, err)
	target, err := url.Parse(config.Host)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	proxy.ErrorLog = nil
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/configmaps/"+name) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text) // a client that disconnected does not read it
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	out := rest.CopyConfig(config)
	out.Host, out.ServerName, out.CAData = server.URL, "", certificatePEM(server)
	return out
}

func certificatePEM(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}
