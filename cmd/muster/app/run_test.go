// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/musterfleet/muster/cmd/muster/app/datadir"
	"github.com/musterfleet/muster/cmd/muster/app/embedded"
	"github.com/musterfleet/muster/cmd/muster/app/pki"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/test/flakyproxy"
)

var loopback = net.IPv4(127, 0, 0, 1)

// instance is a muster that runs in this process.
type instance struct {
	dataDir string
	config  *rest.Config
	etcd    *clientv3.Client
	cancel  context.CancelFunc
	done    chan error
}

func run(t *testing.T, dataDir string) *instance {
	t.Helper()
	var etcd atomic.Pointer[clientv3.Client]
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	i := &instance{dataDir: dataDir, cancel: cancel, done: make(chan error, 1)}
	go func() {
		err := Run(ctx, &Options{DataDir: dataDir, BindAddress: DefaultBindAddress, Out: in, AdjustRegistry: func(c *registry.Config) { etcd.Store(c.Client) }})
		in.CloseWithError(err)
		i.done <- err
	}()
	t.Cleanup(func() { i.stop(t) })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "muster is ready on https://127.0.0.1:"), line)
	i.etcd = etcd.Load()
	i.config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(dataDir, "kubeconfig"))
	require.NoError(t, err)
	return i
}

// stop stops it as a signal would. It may be called again.
func (i *instance) stop(t *testing.T) {
	t.Helper()
	i.cancel()
	if i.done != nil {
		require.NoError(t, <-i.done)
		i.done = nil
	}
}

// code asks for path with the configuration's credentials.
func code(t *testing.T, config *rest.Config, path string) int {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+path, nil)
	require.NoError(t, err)
	response, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// holding is config with another client certificate, or none.
func holding(config *rest.Config, cert, key []byte) *rest.Config {
	other := rest.AnonymousClientConfig(config)
	other.CertData, other.KeyData = cert, key
	return other
}

// issue signs a certificate with the authority in dir, and returns it with its key.
func issue(t *testing.T, dir string, template *x509.Certificate) (certPEM, keyPEM []byte) {
	t.Helper()
	authority, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"))
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, key.Public(), authority.PrivateKey)
	require.NoError(t, err)
	keyPEM, err = keyutil.MarshalPrivateKeyToPEM(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der}), keyPEM
}

func TestOnlyMastersWithACertificateOfOursGetIn(t *testing.T) {
	t.Parallel()
	muster := run(t, t.TempDir())
	issueTo := func(dir string, name pkix.Name, usage x509.ExtKeyUsage, now time.Time) *rest.Config {
		certPEM, keyPEM := issue(t, dir, &x509.Certificate{
			Subject: name, SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		})
		return holding(muster.config, certPEM, keyPEM)
	}
	another := t.TempDir()
	others, err := pki.Load(another, loopback, time.Now())
	require.NoError(t, err)
	ours, now := filepath.Join(muster.dataDir, "pki"), time.Now()
	master := pkix.Name{CommonName: "root", Organization: []string{user.SystemPrivilegedGroup}}
	token := rest.AnonymousClientConfig(muster.config)
	token.BearerToken = "guess"

	paths := []string{
		"/", "/api/v1/secrets", "/api/v1/configmaps", "/livez", "/readyz", "/healthz", "/metrics", "/version", "/openapi/v2", "/openapi/v3", "/apis", "/apis/fleet.cattle.io/v1alpha1",
		"/apis/fleet.cattle.io/v1alpha1/clusters", "/apis/fleet.cattle.io/v1alpha1/namespaces/default/clusters/x", "/debug/pprof/", "/nothing",
	}
	for name, c := range map[string]struct {
		config *rest.Config
		code   int
	}{
		"no credentials":                {holding(muster.config, nil, nil), http.StatusUnauthorized},
		"a token":                       {token, http.StatusUnauthorized},
		"a master of another authority": {issueTo(another, master, x509.ExtKeyUsageClientAuth, now), http.StatusUnauthorized},
		"a master whose certificate is a server's": {issueTo(ours, master, x509.ExtKeyUsageServerAuth, now), http.StatusUnauthorized},
		"a master whose certificate has ended":     {issueTo(ours, master, x509.ExtKeyUsageClientAuth, now.Add(-2*time.Hour)), http.StatusUnauthorized},
		"a user without a group":                   {issueTo(ours, pkix.Name{CommonName: "eve"}, x509.ExtKeyUsageClientAuth, now), http.StatusForbidden},
		"a user of another group":                  {issueTo(ours, pkix.Name{CommonName: "eve", Organization: []string{"system:master"}}, x509.ExtKeyUsageClientAuth, now), http.StatusForbidden},
		"a user with the administrator's name":     {issueTo(ours, pkix.Name{CommonName: "muster-admin"}, x509.ExtKeyUsageClientAuth, now), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range paths {
				require.Equal(t, c.code, code(t, c.config, path), path)
			}
		})
	}
	t.Run("another master of ours", func(t *testing.T) {
		t.Parallel()
		other := issueTo(ours, master, x509.ExtKeyUsageClientAuth, now)
		for _, path := range paths[:13] {
			require.Equal(t, http.StatusOK, code(t, other, path), path)
		}
	})
	t.Run("a client notices a server of another authority", func(t *testing.T) {
		t.Parallel()
		wrong := rest.CopyConfig(muster.config)
		wrong.CAData = others.Authority
		client, err := rest.HTTPClientFor(wrong)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, wrong.Host+"/livez", nil)
		require.NoError(t, err)
		_, err = client.Do(req) //nolint:bodyclose // there is no answer
		require.ErrorAs(t, err, new(x509.UnknownAuthorityError))
	})
}

func TestTheKubeconfigAdministers(t *testing.T) {
	t.Parallel()
	muster := run(t, filepath.Join(t.TempDir(), "data"))
	client, err := discovery.NewDiscoveryClientForConfig(muster.config)
	require.NoError(t, err)
	resources, err := client.ServerResourcesForGroupVersion("fleet.cattle.io/v1alpha1")
	require.NoError(t, err)
	require.NotEmpty(t, resources.APIResources)
	info, err := os.Stat(filepath.Join(muster.dataDir, "kubeconfig"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestARestartKeepsDataAndCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := run(t, dir)
	_, err := first.etcd.Put(t.Context(), "key", "value")
	require.NoError(t, err)
	before := readState(t, dir)
	first.stop(t)

	second := run(t, dir)
	got, err := second.etcd.Get(t.Context(), "key")
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1)
	require.Equal(t, before, readState(t, dir))
	require.Equal(t, string(first.config.CertData), string(second.config.CertData))
	// The old kubeconfig still opens it, wherever it now listens.
	old := rest.CopyConfig(first.config)
	old.Host = second.config.Host
	require.Equal(t, http.StatusOK, code(t, old, "/readyz"))
}

// readState returns the certificates of the authority and of the administrator.
func readState(t *testing.T, dir string) string {
	t.Helper()
	var all []byte
	for _, name := range []string{"ca.crt", "admin.crt"} {
		content, err := os.ReadFile(filepath.Join(dir, "pki", name))
		require.NoError(t, err)
		all = append(all, content...)
	}
	return string(all)
}

func TestASecondStartChangesNothing(t *testing.T) {
	t.Parallel()
	muster := run(t, t.TempDir())
	err := Run(t.Context(), &Options{DataDir: muster.dataDir, BindAddress: DefaultBindAddress, Out: io.Discard})
	require.ErrorContains(t, err, "is in use by another muster")
	require.Equal(t, http.StatusOK, code(t, muster.config, "/readyz"))

	_, port, err := net.SplitHostPort(strings.TrimPrefix(muster.config.Host, "https://"))
	require.NoError(t, err)
	number, err := net.LookupPort("tcp", port)
	require.NoError(t, err)
	fresh := t.TempDir()
	err = Run(t.Context(), &Options{DataDir: fresh, BindAddress: DefaultBindAddress, SecurePort: number, Out: io.Discard})
	require.ErrorContains(t, err, "is taken by another program")
	entries, err := filepath.Glob(filepath.Join(fresh, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(fresh, "lock")}, entries, "a port that is taken must be found before anything is written")
}

func TestStoppingDuringTheStartIsNotAnError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := Run(ctx, &Options{
		DataDir: t.TempDir(), BindAddress: DefaultBindAddress, Out: io.Discard,
		AdjustRegistry: func(*registry.Config) { cancel() },
	})
	require.NoError(t, err)
}

func TestTheReadyLineAppearsOnceTheEngineIsReady(t *testing.T) {
	t.Parallel()
	store := etcdtest.Start(t)
	proxy := flakyproxy.Start(t, store.Address())
	far := store.Dial(t, proxy.Address)
	proxy.Cut()
	dir := t.TempDir()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, &Options{
			DataDir: dir, BindAddress: DefaultBindAddress, Out: in,
			AdjustRegistry: func(c *registry.Config) { c.Client = far },
		})
	}()
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		said <- line
	}()
	var config *rest.Config
	require.Eventually(t, func() bool {
		var err error
		config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
		return err == nil
	}, time.Minute, readyPoll)
	for range 3 {
		require.Equal(t, http.StatusInternalServerError, code(t, config, "/readyz"))
	}
	require.Empty(t, said)
	proxy.Mend()
	require.Contains(t, <-said, "muster is ready")
	cancel()
	require.NoError(t, <-done)
}

func TestTheServerStopsWhenEtcdStops(t *testing.T) {
	t.Parallel()
	dir, err := datadir.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	certs, err := pki.Load(dir.PKI(), loopback, time.Now())
	require.NoError(t, err)
	listener, err := listen(t.Context(), loopback, 0)
	require.NoError(t, err)
	etcd, err := embedded.Start(t.Context(), dir.Etcd(), dir.EtcdLog(), nil)
	require.NoError(t, err)
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- serve(t.Context(), &Options{Out: in}, dir, listener, certs, etcd)
	}()
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	etcd.Server.Server.HardStop()
	require.ErrorIs(t, <-done, errEtcdStopped)
	require.NoError(t, etcd.Close())
}

func TestTheEndpointIsOneThatThisMachineReaches(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:7443":   "https://127.0.0.1:7443",
		"192.0.2.1:1":      "https://192.0.2.1:1",
		"0.0.0.0:7443":     "https://127.0.0.1:7443",
		"[::]:7443":        "https://127.0.0.1:7443",
		"[::1]:7443":       "https://[::1]:7443",
		"[2001:db8::1]:80": "https://[2001:db8::1]:80",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		require.NoError(t, err)
		require.Equal(t, want, endpointOf(tcp), address)
	}
}
