// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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
// not sync to disk. A member that is killed keeps its data, a machine that crashes would
// not. It requires certificates from clients.
type Etcd struct {
	// CA signs the certificates of members and clients.
	CA *CA
	// CAFile, CertFile and KeyFile are the files that a client needs.
	CAFile, CertFile, KeyFile string

	members []*member
	client  func() (*clientv3.Client, error)
	ctl     string
	util    string
}

// EtcdOptions changes an etcd.
type EtcdOptions struct {
	// QuotaBytes is the size of the database that raises the alarm NOSPACE; 0 is
	// etcd's default.
	QuotaBytes int64
	// Snapshot is a file that the cluster is restored from, with more arguments for
	// "etcdutl snapshot restore".
	Snapshot    string
	RestoreArgs []string
	// Args are added to the arguments of each member.
	Args []string
}

type member struct {
	name         string
	dir          string
	client, peer string // addresses
	process      *Process
}

// StartEtcd starts an etcd cluster with so many members and waits until each of them knows
// a leader.
func StartEtcd(t T, members int, options EtcdOptions) *Etcd {
	t.Helper()
	dir := Folder(t, "etcd")
	e := &Etcd{CA: NewCA("etcd"), ctl: Program(t, "etcdctl"), util: Program(t, "etcdutl")}
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
			if options.Snapshot != "" {
				restore := append([]string{
					"snapshot", "restore", options.Snapshot, "--name", m.name, "--data-dir", m.dir,
					"--initial-cluster", strings.Join(peers, ","), "--initial-cluster-token", dir, "--initial-advertise-peer-urls", "https://" + m.peer,
				}, options.RestoreArgs...)
				if _, err := e.Util(restore...); err != nil {
					return err
				}
			}
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

// Addresses are the members' addresses, for proxies.
func (e *Etcd) Addresses() []string {
	var all []string
	for _, m := range e.members {
		all = append(all, m.client)
	}
	return all
}

// TLS returns a client's TLS configuration.
func (e *Etcd) TLS() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(e.CertFile, e.KeyFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(e.CA.certificate)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// Dial returns a client of some endpoints; the caller closes it.
func (e *Etcd) Dial(endpoints ...string) (*clientv3.Client, error) {
	config, err := e.TLS()
	if err != nil {
		return nil, err
	}
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

// Kill ends a member with SIGKILL.
func (e *Etcd) Kill(i int) { e.members[i].process.Kill() }

// Stop ends a member with SIGTERM.
func (e *Etcd) Stop(t T, i int) {
	t.Helper()
	require.NoError(t, e.members[i].process.Stop(20*time.Second))
}

// Start starts a member again, with its data, and waits until it knows a leader. If too few
// members run to elect one, start them with Member(i).Start first.
func (e *Etcd) Start(t T, i int) {
	t.Helper()
	require.NoError(t, e.members[i].process.Start())
	require.NoError(t, e.WaitReady(t.Context(), i))
}

// Pause freezes a member with SIGSTOP: its connections remain, and it does not answer.
func (e *Etcd) Pause(i int) { e.members[i].process.Pause() }

// Resume lets a paused member continue.
func (e *Etcd) Resume(i int) { e.members[i].process.Resume() }

// WaitReady waits until a member knows a leader.
func (e *Etcd) WaitReady(ctx context.Context, i int) error {
	client, err := e.Dial("https://" + e.members[i].client)
	if err != nil {
		return err
	}
	defer client.Close()
	return e.members[i].process.ready(ctx, etcdReady, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		status, err := client.Status(ctx, "https://"+e.members[i].client)
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
			status, err := e.status(ctx, i)
			if err != nil {
				continue // paused, or starting
			}
			ids[status.Header.MemberId] = i
			votes[status.Leader]++
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
