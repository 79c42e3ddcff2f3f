// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

type attempt struct {
	name string
	// without lists flags that are removed, with those that are added.
	without, with []string
	// config connects to kube-apiserver; nil means not at all.
	config *rest.Config
	// says lists parts of the message.
	says []string
}

// A server that could not identify its clients must not start.
func TestMusterDoesNotStartIfItCannotIdentifyClients(t *testing.T) {
	t.Parallel()
	self := control.AsAccount(t, cluster.Namespace, cluster.ServerName)
	gone := rest.CopyConfig(self)
	gone.Host = "https://" + cluster.FreeAddress()
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
		{name: "with an account that has ended", config: control.WithToken("e30.e30.e30"), says: []string{"--authentication-kubeconfig", "Unauthorized"}},
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
	cert, key := muster.CA.Serving(cluster.ServerName).Write(t, t.TempDir(), "tls")
	args := append(store.Flags(), "--tls-cert-file="+cert, "--tls-private-key-file="+key)
	if a.config != nil {
		kubeconfig := control.Kubeconfig(t, a.config)
		args = append(args, "--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig)
	}
	args = slices.DeleteFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains(a.without, name)
	})
	last := cluster.Refusal(t, append(args, a.with...)...)
	for _, each := range a.says {
		require.Contains(t, last, each)
	}
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
	out.Host, out.ServerName = server.URL, ""
	out.CAData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return out
}
