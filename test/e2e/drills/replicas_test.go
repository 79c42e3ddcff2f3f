// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

func killReplica(t *testing.T, s *scene, p *playing) {
	r := s.busy(t)
	p.begins()
	r.Kill()
	s.load.waitProgress(t, 10)
	s.monitor.holds(t, "MusterReplicaDown")
	r.Start(t)
	r.WaitReady(t)
}

func stopReplica(t *testing.T, s *scene, p *playing) {
	r := s.busy(t)
	p.begins()
	r.Stop(t)
	r.Start(t)
	r.WaitReady(t)
}

// cutReplica swallows everything between a replica and etcd.
func cutReplica(t *testing.T, s *scene, p *playing) {
	r := s.busy(t)
	t.Cleanup(r.Mend)
	p.begins()
	r.Partition()
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		if r.Ready() {
			return errStillReady
		}
		return nil
	}))
	s.load.waitProgress(t, 10)
	s.monitor.holds(t, "MusterReplicaUnready")
	r.Mend()
	r.WaitReady(t)
}

// upgrade replaces all processes of Muster, one after the other.
func upgrade(t *testing.T, s *scene, p *playing) {
	p.begins()
	s.muster.Roll(t)
	s.restartControllers(t)
	s.load.waitProgress(t, 5)
}

// restartControllers replaces the controllers' Pods, one after the other.
func (s *scene) restartControllers(t *testing.T) {
	t.Helper()
	for _, c := range s.controllers {
		const grace = 30 * time.Second
		require.NoError(t, c.Stop(grace))
		c.pods.Add(1)
		c.restart(t)
	}
}

// changeKeys follows the page.
func changeKeys(t *testing.T, s *scene, p *playing) {
	restart := func(keys ...string) {
		s.writeKeys(t, keys...)
		s.muster.Roll(t)
		s.restartControllers(t)
	}
	p.begins()
	restart("one", "two")
	restart("two", "one")
	r := s.muster.Replicas()[0]
	out, _, err := r.Exec(append([]string{"reencrypt"}, r.Flags("etcd-servers", "etcd-cafile", "etcd-certfile", "etcd-keyfile", "etcd-prefix", "encryption-provider-config")...)...)
	require.NoError(t, err)
	require.Contains(t, out, "done: read")
	restart("two")
	s.load.waitProgress(t, 5)
}

const (
	servingSecret = "muster-apiserver-tls"
	etcdSecret    = "muster-etcd-client"
)

// serve gives the replicas a serving certificate, and waits until all of them show it.
func (s *scene) serve(t *testing.T, pair cluster.KeyPair) {
	t.Helper()
	s.muster.SetSecret(t, servingSecret, map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key})
	s.muster.SyncVolumes(t)
	for _, r := range s.muster.Replicas() {
		require.Eventually(t, func() bool {
			served, err := cluster.ServedCertificate(t.Context(), strings.TrimPrefix(r.URL, "https://"))
			return err == nil && served.Equal(pair.TLS().Leaf)
		}, within, pause, "%s continues with its old certificate", r.Name)
	}
}

func renewServing(t *testing.T, s *scene, p *playing) {
	p.begins()
	s.serve(t, s.muster.ServingCertificate())
	s.load.waitProgress(t, 10)
}

// ends lets a certificate end after a time, which may be negative.
func ends(c *x509.Certificate, left time.Duration) {
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(left)
}

// over is the time left of a certificate that has expired.
const over = -time.Minute

// expireServing lets the certificate expire, and ends the connections that were made before,
// as restarts of replicas do.
func expireServing(t *testing.T, s *scene, p *playing) {
	name := cluster.ServerName + "." + cluster.Namespace + ".svc"
	serving := func(left time.Duration) cluster.KeyPair {
		return s.muster.CA.Sign(func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = []string{"localhost", name}, []net.IP{net.IPv4(127, 0, 0, 1)}
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			ends(c, left)
		})
	}
	const day = 24 * time.Hour
	s.serve(t, serving(day))
	s.expires(t)
	p.begins()
	s.serve(t, serving(over))
	for _, r := range s.muster.Replicas() {
		r.Stop(t)
		r.Start(t)
	}
	s.monitor.fires(t, "MusterDown")
	s.hasten(t)
	s.monitor.fires(t, "MusterAPIServiceUnavailable")
	p.repaired()
	s.serve(t, s.muster.ServingCertificate())
	s.hasten(t)
	s.monitor.ends(t, "MusterCertificateExpiresSoon")
}

// expires waits for the alerts on a certificate.
func (s *scene) expires(t *testing.T) {
	t.Helper()
	s.monitor.holds(t, "MusterCertificateExpires")
	s.monitor.holds(t, "MusterCertificateExpiresSoon")
}

// expireEtcdClient lets the certificate for etcd expire. Replicas with connections continue;
// a new one gets none.
func expireEtcdClient(t *testing.T, s *scene, p *playing) {
	pair := s.etcd.CA.Sign(func(c *x509.Certificate) {
		c.Subject.CommonName, c.ExtKeyUsage = "root", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		ends(c, over)
	})
	set := func(pair cluster.KeyPair) {
		s.muster.SetSecret(t, etcdSecret, map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key})
		s.muster.SyncVolumes(t)
	}
	p.begins()
	set(pair)
	added := s.muster.Add(t)
	s.load.waitProgress(t, 10)
	s.expires(t)
	s.monitor.holds(t, "MusterReplicaDown")
	require.False(t, added.Ready(), "a replica is ready without etcd")
	set(s.etcd.CA.Client("root"))
	if !added.Process.Running() {
		added.Start(t) // as a kubelet does
	}
	added.WaitReady(t)
	s.monitor.ends(t, "MusterCertificateExpiresSoon")
	s.muster.Remove(t, added)
}
