// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// secret reads objects that only an administrator may read.
var secret = request{path: api + "/bundles"}

const unauthorized = "Unauthorized"

// claim returns the headers of the aggregation layer.
func claim(user string, groups ...string) http.Header {
	return http.Header{"X-Remote-User": {user}, "X-Remote-Group": groups}
}

// bearer returns the configuration of a client with a token, directly to a replica.
func bearer(token string) *rest.Config {
	return muster.Replicas()[0].Direct(control.WithToken(token))
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
}

func client(name string, groups ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name, Organization: groups}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
}

// both returns a change that applies two changes to a certificate.
func both(a, b func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) { a(c); b(c) }
}

func TestNoClientPassesForAnother(t *testing.T) {
	t.Parallel()
	replica := muster.Replicas()[0]
	with := replica.With
	admin := claim("admin", "system:masters", "system:authenticated")
	masters := []string{"system:masters"}
	frontProxy := with(control.FrontProxyCA.Client(cluster.FrontProxyName))
	forServers := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	// The certificate is self-signed, and claims to be an authority.
	selfSigned := cluster.NewCA(cluster.FrontProxyName).Client(cluster.FrontProxyName)
	for _, c := range []struct {
		name   string
		config *rest.Config
		header http.Header
		// taken is the user that Muster sees and refuses. Unauthorized means no user; an
		// empty name means a user with the right.
		taken string
	}{
		{"the front proxy speaks for an administrator", frontProxy, admin, ""},
		{"the front proxy speaks for an agent", frontProxy, claim(north.user(), "system:serviceaccounts"), north.user()},
		{"the front proxy speaks for no user", frontProxy, nil, unauthorized},
		{"the front proxy names no user but a group", frontProxy, http.Header{"X-Remote-Group": masters}, unauthorized},

		{"headers without a certificate", replica.Direct(control.Anonymous()), admin, "system:anonymous"},
		{"headers in small letters", replica.Direct(control.Anonymous()), http.Header{"x-remote-user": {"admin"}, "x-remote-group": masters}, "system:anonymous"},
		{"headers with an underscore", replica.Direct(control.Anonymous()), http.Header{"X_Remote_User": {"admin"}, "X_Remote_Group": masters}, "system:anonymous"},
		{"headers with an agent's token", replica.Direct(north.config), admin, north.user()},
		{"the header of a UID with an agent's token", replica.Direct(north.config), http.Header{"X-Remote-Uid": {"0"}}, north.user()},
		{"the header of a group with an agent's token", replica.Direct(north.config), http.Header{"X-Remote-Group": masters}, north.user()},
		{"headers with a user's certificate", with(control.CA.Client("somebody")), admin, "somebody"},
		{"headers with a user's certificate of the front proxy's name", with(control.CA.Client(cluster.FrontProxyName)), admin, cluster.FrontProxyName},
		{"headers with a certificate of the front proxy's authority and a name that is not allowed", with(control.FrontProxyCA.Client("somebody")), admin, unauthorized},
		{"headers with a certificate whose allowed name is not its common name", with(control.FrontProxyCA.Sign(both(client("somebody", cluster.FrontProxyName), func(c *x509.Certificate) {
			c.DNSNames = []string{cluster.FrontProxyName}
		}))), admin, unauthorized},
		{"headers with a front proxy's certificate that is not for clients", with(control.FrontProxyCA.Sign(both(client(cluster.FrontProxyName), forServers))), admin, unauthorized},
		{"headers with a front proxy's certificate that has expired", with(control.FrontProxyCA.Sign(both(client(cluster.FrontProxyName), expired))), admin, unauthorized},
		{"headers with a front proxy's certificate of the foreign authority", with(control.ForeignCA.Client(cluster.FrontProxyName)), admin, unauthorized},
		{"headers with a front proxy's certificate that signed itself", with(selfSigned), admin, unauthorized},
		{"headers with Muster's own certificate", with(muster.CA.Client(cluster.FrontProxyName)), admin, unauthorized},
		{"headers with a certificate that etcd takes", with(store.CA.Client(cluster.FrontProxyName)), admin, unauthorized},

		{"nothing at all", replica.Direct(control.Anonymous()), nil, "system:anonymous"},
		{"an administrator's certificate", with(control.CA.Client("admin", masters...)), nil, ""},
		{"an administrator's certificate of the front proxy's authority", with(control.FrontProxyCA.Client("admin", masters...)), nil, unauthorized},
		{"an administrator's certificate of the foreign authority", with(control.ForeignCA.Client("admin", masters...)), nil, unauthorized},
		{"an administrator's certificate that signed itself", with(cluster.NewCA("admin").Client("admin", masters...)), nil, unauthorized},
		{"an administrator's certificate that has expired", with(control.CA.Sign(both(client("admin", masters...), expired))), nil, unauthorized},
		{"an administrator's certificate that is for servers only", with(control.CA.Sign(both(client("admin", masters...), forServers))), nil, unauthorized},

		{"an agent that impersonates an administrator", replica.Direct(north.config), http.Header{"Impersonate-User": {"admin"}, "Impersonate-Group": masters}, north.user()},
		{"an agent that impersonates the other", replica.Direct(north.config), http.Header{"Impersonate-User": {south.user()}}, north.user()},
		{"an agent that impersonates a UID", replica.Direct(north.config), http.Header{"Impersonate-User": {north.user()}, "Impersonate-Uid": {"0"}}, north.user()},
		{"an agent that adds an extra to itself", replica.Direct(north.config), http.Header{"Impersonate-User": {north.user()}, "Impersonate-Extra-Scopes": {"all"}}, north.user()},
		{"an anonymous client that impersonates an administrator", replica.Direct(control.Anonymous()), http.Header{"Impersonate-User": {"admin"}, "Impersonate-Group": masters}, "system:anonymous"},
		{"an administrator that impersonates an agent", with(control.CA.Client("admin", masters...)), http.Header{"Impersonate-User": {north.user()}}, north.user()},
		{"the front proxy, for an agent that impersonates an administrator", frontProxy, http.Header{"X-Remote-User": {north.user()}, "Impersonate-User": {"admin"}, "Impersonate-Group": masters}, north.user()},
	} {
		// The two protocols encode headers differently.
		for proto, next := range map[string][]string{"HTTP/1.1": {"http/1.1"}, "HTTP/2.0": {"h2"}} {
			t.Run(c.name+" over "+proto, func(t *testing.T) {
				t.Parallel()
				config := rest.CopyConfig(c.config)
				config.NextProtos = next
				r := secret
				r.header = c.header
				a := ask(t, config, r)
				require.Equal(t, proto, a.proto)
				switch c.taken {
				case "":
					require.Equal(t, http.StatusOK, a.code, a.body)
				case unauthorized:
					require.Equal(t, http.StatusUnauthorized, a.code, a.body)
				default:
					require.Equal(t, http.StatusForbidden, a.code, a.body)
					require.Contains(t, a.message(), `User "`+c.taken+`" cannot `)
				}
			})
		}
	}
}

// Group headers of an agent must have no more effect than the user header.
func TestAnAgentMayNotImpersonateGroupsOrItself(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"a group without a user":          {"Impersonate-Group": {"system:masters"}},
		"a UID without a user":            {"Impersonate-Uid": {"0"}},
		"itself":                          {"Impersonate-User": {north.user()}},
		"itself, in the group of all":     {"Impersonate-User": {north.user()}, "Impersonate-Group": {"system:masters"}},
		"two users":                       {"Impersonate-User": {north.user(), "admin"}},
		"a node":                          {"Impersonate-User": {"system:node:a"}},
		"kube-apiserver to itself":        {"Impersonate-User": {"system:apiserver"}, "Impersonate-Group": {"system:masters"}},
		"the ServiceAccount of Muster":    {"Impersonate-User": {"system:serviceaccount:" + cluster.Namespace + ":" + cluster.ServerName}},
		"anonymous, to have fewer rights": {"Impersonate-User": {"system:anonymous"}},
	} {
		for _, w := range ways() {
			t.Run(name+" "+w.name, func(t *testing.T) {
				t.Parallel()
				a := ask(t, w.to(north.config), request{path: north.deployments(), header: header})
				require.NotEqual(t, http.StatusOK, a.code, a.body)
				require.Contains(t, []int{http.StatusForbidden, http.StatusBadRequest, http.StatusInternalServerError}, a.code, a.body)
			})
		}
	}
}

func TestAUserWithTheRightImpersonates(t *testing.T) {
	t.Parallel()
	impersonator := with(t, right{verb: "impersonate", resource: "users", name: "the-one"}, right{verb: "impersonate", resource: "groups", name: "the-group"})
	allow(t, "the-one", "", rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "the-group"}, of("list", "bundles", "").rule())
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			config, r := w.to(impersonator), secret
			r.header = http.Header{"Impersonate-User": {"the-one"}, "Impersonate-Group": {"the-group"}}
			poll.Eventually(t, patience, func(ctx context.Context) error { return expect(ctx, config, r, http.StatusOK) })
			r.header = http.Header{"Impersonate-User": {"the-one"}}
			a := ask(t, config, r)
			require.Equal(t, http.StatusForbidden, a.code, a.body)
			require.Contains(t, a.message(), `User "the-one" cannot list`)
			r.header = http.Header{"Impersonate-User": {"another"}}
			require.Contains(t, ask(t, config, r).message(), `cannot impersonate resource "users"`)
		})
	}
}

func TestPlainHTTPIsNotServed(t *testing.T) {
	t.Parallel()
	config := muster.Replicas()[0].Direct(north.config)
	plain := &rest.Config{Host: strings.Replace(config.Host, "https://", "http://", 1)}
	a, err := try(t.Context(), plain, request{path: north.deployments(), header: http.Header{"Authorization": {"Bearer " + config.BearerToken}}})
	if err != nil {
		return // it may close the connection before its answer is read
	}
	require.Equal(t, http.StatusBadRequest, a.code)
	require.Contains(t, a.body, "HTTP request to an HTTPS server")
}

func TestOldTLSIsNotSpoken(t *testing.T) {
	t.Parallel()
	address := strings.TrimPrefix(muster.Replicas()[0].URL, "https://")
	dial := func(version uint16) error {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}} //nolint:gosec // old versions are what is tested
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	require.Error(t, dial(tls.VersionTLS10))
	require.Error(t, dial(tls.VersionTLS11))
	require.NoError(t, dial(tls.VersionTLS12))
	require.NoError(t, dial(tls.VersionTLS13))
}
