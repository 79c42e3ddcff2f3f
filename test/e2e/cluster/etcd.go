// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/musterfleet/muster/test/poll"
)

const etcdReady = 30 * time.Second

// Etcd is a cluster of real etcds. It differs from one in production in one way: it does
// not sync to disk. A member that is killed keeps its data; a machine that crashes would
// not. It requires certificates from clients.
type Etcd struct {
	// CA signs the certificates of members and clients.
	CA *CA
	// CAFile, CertFile and KeyFile are the files that a client needs.
	CAFile, CertFile, KeyFile string

	members []*member
	client  func() (*clientv3.Client, error)
	ctl     string
}

// EtcdOptions changes an etcd.
type EtcdOptions struct {
	// QuotaBytes is the size of the database that raises the alarm NOSPACE; 0 is
	// etcd's default.
	QuotaBytes int64
	// Args are added to the arguments of each member.
	Args []string
}

type member struct {
	name         string
	dir          string
	client, peer string // addresses
	process      *Process
}

// StartEtcd starts an etcd cluster and waits until each member knows a leader.
func StartEtcd(t T, members int, options EtcdOptions) *Etcd {
	t.Helper()
	dir := Folder(t, "etcd")
	e := &Etcd{CA: NewCA("etcd"), ctl: Program(t, "etcdctl")}
	e.CAFile = write(t, dir, "ca.crt", e.CA.PEM)
	e.CertFile, e.KeyFile = e.CA.Client("root").Write(t, dir, "client")
	peerCert, peerKey := e.CA.peer().Write(t, dir, "member")
	path := Program(t, "etcd")
	t.Cleanup(func() {
		for _, m := range e.members {
			m.process.Kill()
		}
	})
	try := 0
	err := attempts(func() error {
		try++
		e.members = nil
		var peers []string
		for i := range members {
			m := &member{name: fmt.Sprintf("etcd-%d", i), client: loopback(freePort()), peer: loopback(freePort())}
			m.dir = filepath.Join(dir, fmt.Sprintf("try-%d", try), m.name)
			peers = append(peers, m.name+"=https://"+m.peer)
			e.members = append(e.members, m)
		}
		for _, m := range e.members {
			args := []string{
				"--name", m.name, "--data-dir", m.dir,
				"--listen-client-urls", "https://" + m.client, "--advertise-client-urls", "https://" + m.client,
				"--listen-peer-urls", "https://" + m.peer, "--initial-advertise-peer-urls", "https://" + m.peer,
				"--initial-cluster", strings.Join(peers, ","), "--initial-cluster-state", "new", "--initial-cluster-token", dir,
				"--trusted-ca-file", e.CAFile, "--cert-file", peerCert, "--key-file", peerKey, "--client-cert-auth",
				"--peer-trusted-ca-file", e.CAFile, "--peer-cert-file", peerCert, "--peer-key-file", peerKey, "--peer-client-cert-auth",
				"--heartbeat-interval", "50", "--election-timeout", "500", "--unsafe-no-fsync",
			}
			if options.QuotaBytes > 0 {
				args = append(args, "--quota-backend-bytes", fmt.Sprint(options.QuotaBytes))
			}
			m.process = &Process{Name: m.name, path: path, args: append(args, options.Args...), log: filepath.Join(dir, m.name+".log")}
			if err := m.process.Start(); err != nil {
				return err
			}
		}
		for i := range e.members {
			if err := e.WaitReady(t.Context(), i); err != nil {
				for _, m := range e.members {
					m.process.Kill()
				}
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	e.client = sync.OnceValues(func() (*clientv3.Client, error) { return e.Dial(e.Endpoints()...) })
	t.Cleanup(func() {
		if client, err := e.client(); err == nil {
			_ = client.Close()
		}
	})
	return e
}

// Endpoints returns the members' URLs.
func (e *Etcd) Endpoints() []string {
	var all []string
	for _, m := range e.members {
		all = append(all, "https://"+m.client)
	}
	return all
}

// Addresses returns the members' addresses, for proxies.
func (e *Etcd) Addresses() []string {
	var all []string
	for _, m := range e.members {
		all = append(all, m.client)
	}
	return all
}

// Flags returns the flags with which a server connects to the cluster.
func (e *Etcd) Flags() []string {
	return []string{"--etcd-servers=" + strings.Join(e.Endpoints(), ","), "--etcd-cafile=" + e.CAFile, "--etcd-certfile=" + e.CertFile, "--etcd-keyfile=" + e.KeyFile}
}

// Dial returns a client of some endpoints; the caller closes it.
func (e *Etcd) Dial(endpoints ...string) (*clientv3.Client, error) {
	pair, err := tls.LoadX509KeyPair(e.CertFile, e.KeyFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(e.CA.certificate)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}
	return clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: config, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
}

// Client returns the one client of all members.
func (e *Etcd) Client(t T) *clientv3.Client {
	t.Helper()
	client, err := e.client()
	require.NoError(t, err)
	return client
}

// Member returns the process of a member, for signals and its log.
func (e *Etcd) Member(i int) *Process { return e.members[i].process }

// Start starts a member again, with its data, and waits until it knows a leader. If too few
// members run to elect one, use Member(i).Start and WaitReady.
func (e *Etcd) Start(t T, i int) {
	t.Helper()
	require.NoError(t, e.members[i].process.Start())
	require.NoError(t, e.WaitReady(t.Context(), i))
}

// WaitReady waits until a member knows a leader.
func (e *Etcd) WaitReady(ctx context.Context, i int) error {
	return e.members[i].process.ready(ctx, etcdReady, func(ctx context.Context) error {
		status, err := e.status(ctx, i)
		if err == nil && status.Leader == 0 {
			err = errors.New("no leader yet")
		}
		return err
	})
}

// Leader returns the member that leads, according to a majority of members. It waits for an
// election to end.
func (e *Etcd) Leader(t T) int {
	t.Helper()
	leader := -1
	require.NoError(t, poll.Until(t.Context(), etcdReady, func(ctx context.Context) error {
		votes, ids := map[uint64]int{}, map[uint64]int{}
		for i, m := range e.members {
			if !m.process.Running() {
				continue
			}
			if status, err := e.status(ctx, i); err == nil { // it may be paused, or starting
				ids[status.Header.MemberId] = i
				votes[status.Leader]++
			}
		}
		for id, n := range votes {
			if i, known := ids[id]; known && n > len(e.members)/2 {
				leader = i
				return nil
			}
		}
		return fmt.Errorf("no majority of etcd's members agrees on a leader: %v", votes)
	}))
	return leader
}

func (e *Etcd) status(ctx context.Context, i int) (*clientv3.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	endpoint := "https://" + e.members[i].client
	client, err := e.Dial(endpoint)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Status(ctx, endpoint)
}

// Ctl runs etcdctl on the cluster, with all rights, and returns its output.
func (e *Etcd) Ctl(args ...string) (string, error) {
	const limit = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, e.ctl, append([]string{
		"--endpoints", strings.Join(e.Endpoints(), ","), "--cacert", e.CAFile, "--cert", e.CertFile, "--key", e.KeyFile,
	}, args...)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")} // without the ETCDCTL_* variables of a developer
	out, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, out)
	}
	return string(out), err
}

// DataDir returns a member's folder, for etcdutl.
func (e *Etcd) DataDir(i int) string { return e.members[i].dir }
