// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
)

// secured starts an etcd that requires client certificates of ca and has this certificate.
func secured(t *testing.T, ca *authority, own pair) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{"ca.crt": ca.pem, "tls.crt": own.certificate, "tls.key": own.key}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	started := etcdtest.Start(t, func(c *embed.Config) {
		c.InitialClusterToken = dir // or all would have the same ID
		c.ListenClientUrls = []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
		c.ClientTLSInfo = transport.TLSInfo{
			TrustedCAFile: filepath.Join(dir, "ca.crt"), CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"),
			ClientCertAuth: true,
		}
	})
	return "https://" + started.Address()
}

func TestPreflightNamesTheStateOfEachMember(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "etcd", 900*day), newAuthority(t, "other", 900*day)
	good := secured(t, ca, ca.issue(t, "etcd", nil))
	unknown := secured(t, ca, other.issue(t, "etcd", nil))
	misnamed := secured(t, ca, ca.issue(t, "etcd", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }))
	expired := secured(t, ca, ca.issue(t, "etcd", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }))
	foreign := secured(t, other, ca.issue(t, "etcd", nil)) // it accepts clients of other only
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "https://" + listener.Addr().String()
	require.NoError(t, listener.Close())

	for _, c := range []struct {
		name    string
		servers []string
		faults  int
		said    []string
	}{
		{"one that answers", []string{good}, 0, []string{"etcd at " + good + " answers: version 3.", "leads, database 0.0 MiB of 2048.0 MiB, which is little", "ok: etcd accepts what Muster writes below /muster, and has 1 named member"}},
		{"one that refuses, beside the majority", []string{good, closed, good}, 0, []string{"warning: etcd at " + closed + " does not answer: it refuses connections", "ok: etcd accepts"}},
		{"one that answers of four", []string{good, closed, unknown, expired}, 4, []string{
			"etcd at " + good + " answers",
			"not ok: etcd at " + closed + " does not answer: it refuses connections; start it",
			"not ok: etcd at " + unknown + " does not answer: an unknown authority signed its certificate",
			"not ok: etcd at " + expired + " does not answer: its certificate has expired",
			"not ok: 1 of 4 named members of etcd answer, which is no majority",
		}},
		{"a name that is not in the certificate", []string{misnamed}, 2, []string{"does not answer: its certificate is for other names"}},
		{"one that refuses the client", []string{foreign}, 2, []string{"does not answer: it refuses the client certificate"}},
		{"two clusters", []string{good, secured(t, ca, ca.issue(t, "etcd", nil))}, 2, []string{"which is another cluster than that of " + good, "not fit for Muster"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, said := trial(t, secretOf(etcdSecret, ca.pem, ca.issue(t, "muster", nil)))
			o := etcdoptions.New()
			o.Servers = c.servers
			p.checkEtcd(t.Context(), &o)
			require.Equal(t, c.faults, p.faults, said)
			for _, each := range c.said {
				require.Contains(t, said.String(), each)
			}
			if c.faults > 0 {
				require.NotContains(t, said.String(), "ok: etcd accepts")
			}
		})
	}
}

func TestPreflightChecksAnEtcdWithoutTLS(t *testing.T) {
	t.Parallel()
	p, said := trial(t)
	o := etcdoptions.New()
	p.checkEtcd(t.Context(), &o)
	require.Contains(t, said.String(), "warning: etcd was not checked; name its members with --etcd-servers")

	o.Servers = []string{"http://" + etcdtest.Start(t, func(c *embed.Config) { c.QuotaBackendBytes = smallestQuota }).Address()}
	p.checkEtcd(t.Context(), &o)
	require.Contains(t, said.String(), "warning: etcd is asked without TLS")
	require.Contains(t, said.String(), "\nok: etcd at "+o.Servers[0]+" answers")
	require.Contains(t, said.String(), "\nok: etcd accepts what Muster writes")
	require.Zero(t, p.faults)

	o.Prefix = "muster"
	p.checkEtcd(t.Context(), &o)
	require.Equal(t, 1, strings.Count(said.String(), "not ok: --etcd-prefix"))
}
