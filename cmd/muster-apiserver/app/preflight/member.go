// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// memberTimeout bounds the time for one member, and all members are asked at once.
const memberTimeout = 5 * time.Second

// refusalTimeout bounds the wait for a refusal of the client's certificate.
const refusalTimeout = time.Second

// smallestQuota is the value of --quota-backend-bytes that docs/install.md asks for.
const smallestQuota = 8 << 30

// fullShare is the share of the quota, in percent, above which etcd needs attention:
// docs/operations.md asks for an alert there.
const fullShare = 60

// member holds one server of --etcd-servers and its answer, or the reason why it has none.
type member struct {
	server string
	status *pb.StatusResponse
	err    error
}

// ask asks one server for its status. The error names the first of these that failed: the
// connection, TLS, the request.
func ask(ctx context.Context, config etcd.ClientConfig, server string) member {
	ctx, cancel := context.WithTimeout(ctx, memberTimeout)
	defer cancel()
	config.Servers = []string{server}
	client, err := etcd.Connect(config)
	if err != nil {
		return member{server: server, err: err}
	}
	defer client.Close()
	status, err := etcd.StatusOf(ctx, client, server)
	if err != nil {
		if cause := handshake(server, config); cause != nil {
			err = cause
		}
		return member{server: server, err: err}
	}
	return member{server: server, status: status}
}

// handshake connects as the client does, and returns the error that grpc wraps in text.
func handshake(server string, config etcd.ClientConfig) error {
	at, err := url.Parse(server)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), memberTimeout)
	defer cancel()
	settings, err := config.TLS()
	if err != nil {
		return err
	}
	dial := (&net.Dialer{}).DialContext
	if settings != nil {
		dial = (&tls.Dialer{Config: settings}).DialContext
	}
	connection, err := dial(ctx, "tcp", at.Host)
	if err != nil {
		return err
	}
	defer connection.Close()
	// A server refuses the client's certificate after the client's part of the handshake.
	_ = connection.SetReadDeadline(time.Now().Add(refusalTimeout))
	if _, err := connection.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// reason says in words why a member does not answer, and what to do.
func (m *member) reason() string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	text := m.err.Error()
	switch {
	case errors.Is(m.err, syscall.ECONNREFUSED):
		return "it refuses connections; start it, or correct --etcd-servers"
	case errors.As(m.err, &unknown):
		return fmt.Sprintf("an unknown authority signed its certificate (%v); put the authority into ca.crt or --etcd-cafile", m.err)
	case errors.As(m.err, &name):
		return fmt.Sprintf("its certificate is for other names (%v); give --etcd-servers a name that is in the certificate", m.err)
	case errors.As(m.err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("its certificate has expired or is not valid yet (%v); renew it", m.err)
	case strings.Contains(text, "remote error: tls:"), strings.Contains(text, "bad certificate"):
		return fmt.Sprintf("it refuses the client certificate (%v); use one that its --trusted-ca-file has signed, for clientAuth", m.err)
	case errors.Is(m.err, context.DeadlineExceeded):
		return fmt.Sprintf("it does not answer within %s (%v); check the network to it", memberTimeout, m.err)
	}
	return fmt.Sprintf("%v; check the member and the network to it", m.err)
}

// describe returns the state of a member that answers.
func (m *member) describe() string {
	role := "follows"
	switch {
	case m.status.GetIsLearner():
		role = "is a learner"
	case m.status.GetLeader() == 0:
		role = "knows no leader"
	case m.status.GetLeader() == m.status.GetHeader().GetMemberId():
		role = "leads"
	}
	text := fmt.Sprintf("etcd at %s answers: version %s, cluster %x, %s, database %s",
		m.server, m.status.GetVersion(), m.status.GetHeader().GetClusterId(), role, mebibytes(m.status.GetDbSize()))
	if quota := m.status.GetDbSizeQuota(); quota > 0 { // since etcd 3.6
		text += " of " + mebibytes(quota)
	}
	return text
}

// mebibytes returns a size in MiB.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
