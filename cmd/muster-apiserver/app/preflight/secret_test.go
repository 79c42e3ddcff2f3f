// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
)

const server = "muster-apiserver.muster-system.svc"

func TestPreflightFindsWhatIsWrongWithTheServingCertificate(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ours", 900*day), newAuthority(t, "other", 900*day)
	good := ca.issue(t, server, nil)
	issue := func(change func(*x509.Certificate)) runtime.Object {
		return secretOf(servingSecret, ca.pem, ca.issue(t, server, change))
	}
	service := func(bundle []byte) runtime.Object {
		return apiServiceOf(map[string]any{
			"caBundle": base64.StdEncoding.EncodeToString(bundle),
			"service":  map[string]any{"namespace": DefaultNamespace, "name": service},
		})
	}
	whole := secretOf(servingSecret, ca.pem, good)
	without := func(key string) runtime.Object {
		s := whole.DeepCopy()
		delete(s.Data, key)
		return s
	}
	old := newAuthority(t, "old", -day)
	for _, c := range []struct {
		name   string
		exist  []runtime.Object
		faults int
		said   string
	}{
		{"no Secret yet", nil, 0, "warning: missing: Secret muster-system/muster-apiserver-tls with the serving certificate; with cert-manager it appears after the first step"},
		{"all is well", []runtime.Object{whole}, 0, "ok: the serving certificate in Secret muster-system/muster-apiserver-tls is for " + server},
		{"all is well, with the APIService", []runtime.Object{whole, service(slices.Concat(other.pem, ca.pem))}, 0, "ok: the serving certificate"},
		{"no key", []runtime.Object{without(privateKey)}, 1, "it has no tls.key; make it again as docs/install.md"},
		{"no authority", []runtime.Object{without(authorityKey)}, 1, "it has no ca.crt"},
		{"another key", []runtime.Object{secretOf(servingSecret, ca.pem, pair{good.certificate, other.issue(t, server, nil).key})}, 1, "are not a certificate and its key"},
		{"no certificate", []runtime.Object{secretOf(servingSecret, ca.pem, pair{[]byte("x"), good.key})}, 1, "are not a certificate and its key"},
		{"expired", []runtime.Object{issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })}, 1, "it expired at"},
		{"not valid yet", []runtime.Object{issue(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })}, 1, "it is not valid before"},
		{"expires soon", []runtime.Object{issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(10*day + time.Hour) })}, 0, "it expires in 10 days"},
		{"for another name", []runtime.Object{issue(func(c *x509.Certificate) { c.DNSNames = []string{"muster-apiserver.elsewhere.svc"} })}, 1, "is not for " + server},
		{"for clients", []runtime.Object{issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}, 1, "it is not signed for the usage serverAuth"},
		{"for any usage", []runtime.Object{issue(func(c *x509.Certificate) { c.ExtKeyUsage = nil })}, 0, "ok: the serving certificate"},
		{"of another authority", []runtime.Object{secretOf(servingSecret, other.pem, good)}, 1, "ca.crt of Secret muster-system/muster-apiserver-tls does not verify its tls.crt"},
		{"an authority that has expired", []runtime.Object{secretOf(servingSecret, old.pem, old.issue(t, server, nil))}, 2, "no authority in ca.crt is valid now"},
		{"an expired authority beside the new one", []runtime.Object{secretOf(servingSecret, slices.Concat(old.pem, ca.pem), good)}, 0, `warning: Secret muster-system/muster-apiserver-tls: the authority "CN=old" in ca.crt: it expired`},
		{"another CA bundle", []runtime.Object{whole, service(other.pem)}, 1, "the CA bundle of the APIService v1alpha1.fleet.cattle.io does not verify the serving certificate"},
		{"no CA bundle", []runtime.Object{whole, service(nil)}, 1, "has no CA bundle; with cert-manager, check that its CA injector runs"},
		{"an APIService that checks nothing", []runtime.Object{whole, apiServiceOf(map[string]any{"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": DefaultNamespace, "name": "muster-apiserver"}})}, 1, "insecureSkipTLSVerify"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, said := trial(t, c.exist...)
			p.checkServing(t.Context())
			require.Equal(t, c.faults, p.faults, said)
			require.Contains(t, said.String(), c.said)
			require.Equal(t, c.faults > 0, bytes.Contains([]byte(said.String()), []byte("not ok:")))
			if c.faults > 0 {
				require.NotContains(t, said.String(), "\nok:")
			}
		})
	}
}

func TestPreflightFindsWhatIsWrongWithEtcdsClientCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "etcd", 900*day)
	for _, c := range []struct {
		name   string
		exist  []runtime.Object
		usable bool
		faults int
		said   string
	}{
		{"no Secret yet", nil, false, 0, `warning: missing: Secret muster-system/muster-etcd-client with the client certificate for etcd; docs/install.md, "etcd", says how to make it`},
		{"all is well", []runtime.Object{secretOf(etcdSecret, ca.pem, ca.issue(t, "muster", nil))}, true, 0, `ok: the client certificate for etcd in Secret muster-system/muster-etcd-client is for "CN=muster"`},
		{"for servers", []runtime.Object{secretOf(etcdSecret, ca.pem, ca.issue(t, "muster", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}))}, true, 1, "it is not signed for the usage clientAuth"},
		{"no authority in ca.crt", []runtime.Object{secretOf(etcdSecret, []byte("x"), ca.issue(t, "muster", nil))}, true, 1, "muster-etcd-client: ca.crt: "},
		{"an empty Secret", []runtime.Object{secretOf(etcdSecret, nil, pair{})}, false, 1, "it has no ca.crt and no tls.crt and no tls.key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, said := trial(t, c.exist...)
			require.Equal(t, c.usable, p.checkEtcdSecret(t.Context()) != nil)
			require.Equal(t, c.faults, p.faults, said)
			require.Contains(t, said.String(), c.said)
		})
	}
}
