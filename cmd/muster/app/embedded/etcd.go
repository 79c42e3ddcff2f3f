// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/musterfleet/muster/cmd/muster/app/datadir"
)

const (
	// quotaBytes is the largest quota that etcd's authors support.
	quotaBytes = 8 << 30
	// snapshotCount and catchUpEntries bound the log that raft keeps in memory for
	// followers. A single member has none.
	snapshotCount  = 1000
	catchUpEntries = 100
	// tickMs and electionMs only delay a start: a single member wins every election.
	tickMs     = 20
	electionMs = 100
	// defragMegabytes is the free space in the database from which on a start returns it
	// to the file system.
	defragMegabytes = 512

	etcdLogMegabytes = 10
)

// Etcd is an etcd in this process, with one client to it.
type Etcd struct {
	Client *clientv3.Client
	Server *embed.Etcd

	log  *lumberjack.Logger
	fate *fate
}

// Start starts an etcd on the directory and waits until it leads. It listens on no port and
// no socket: the client calls its functions. adjust changes its configuration; nil changes
// nothing.
func Start(ctx context.Context, dir, logFile string, adjust func(*embed.Config)) (*Etcd, error) {
	if err := checkDatabase(filepath.Join(dir, "member", "snap", "db")); err != nil {
		return nil, err
	}
	log := &lumberjack.Logger{Filename: logFile, MaxSize: etcdLogMegabytes, MaxBackups: 1}
	fate := newFate(dir, logFile)
	config := etcdConfig(dir, log, fate)
	if adjust != nil {
		adjust(config)
	}
	server, err := embedEtcd(config, fate)
	if err != nil {
		_ = log.Close()
		if at := cmp.Or(fate.Err(), datadir.DiskError(dir, err)); at != nil {
			return nil, at
		}
		return nil, fmt.Errorf("the embedded etcd in %s does not start: %w (its log is %s)", dir, err, logFile)
	}
	etcd := &Etcd{Server: server, log: log, fate: fate}
	select {
	case <-fate.failed:
		_ = etcd.Close()
		return nil, fate.Err()
	case <-server.Server.ReadyNotify():
	case <-server.Server.StopNotify():
		_ = etcd.Close()
		return nil, fmt.Errorf("the embedded etcd in %s stopped while it started: see its log %s", dir, logFile)
	case <-ctx.Done():
		_ = etcd.Close()
		return nil, context.Cause(ctx)
	}
	etcd.Client = v3client.New(server.Server)
	return etcd, nil
}

// WithoutSync configures an etcd that does not wait for the disk, and loses acknowledged
// writes if the machine goes down. It is for tests: where many run at once, the disk can
// be slower than etcd's patience, and writes would fail.
func WithoutSync(config *embed.Config) { config.UnsafeNoFsync = true }

// embedEtcd starts an etcd. It fails if etcd cannot continue while it starts.
func embedEtcd(config *embed.Config, fate *fate) (*embed.Etcd, error) {
	type outcome struct {
		server *embed.Etcd
		err    error
	}
	started := make(chan outcome, 1)
	go func() {
		defer func() {
			// etcd panics on some damaged files.
			if damage := recover(); damage != nil {
				fate.fail(fmt.Errorf("%v", damage))
			}
		}()
		server, err := embed.StartEtcd(config)
		started <- outcome{server, err}
	}()
	select {
	case o := <-started:
		return o.server, o.err
	case <-fate.failed:
		return nil, fate.Err()
	}
}

// etcdConfig leaves fsync on, and the limits on requests at their defaults of 1.5 MiB and
// 128 operations, so that every write here would succeed in production too.
func etcdConfig(dir string, log *lumberjack.Logger, fate *fate) *embed.Config {
	config := embed.NewConfig()
	config.Name = "muster"
	config.Dir = dir
	// A member has to advertise an address, even if no other member calls it.
	config.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2380"}}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.ListenPeerUrls, config.ListenClientUrls, config.AdvertiseClientUrls = nil, nil, nil
	config.TickMs, config.ElectionMs = tickMs, electionMs
	config.QuotaBackendBytes = quotaBytes
	config.SnapshotCount, config.SnapshotCatchUpEntries = snapshotCount, catchUpEntries
	config.BootstrapDefragThresholdMegabytes = defragMegabytes
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdLogger(log, fate))
	return config
}

// etcdLogger writes warnings to the file. An entry that would end the process decides
// etcd's fate.
func etcdLogger(log *lumberjack.Logger, fate *fate) *zap.Logger {
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(log), zapcore.WarnLevel)
	// Errors of the log itself, as on a full disk, are dropped.
	return zap.New(core, zap.WithFatalHook(fate), zap.WithPanicHook(fate), zap.ErrorOutput(zapcore.AddSync(io.Discard)))
}

// Failed is closed when etcd cannot continue; Err then returns the cause.
func (e *Etcd) Failed() <-chan struct{} { return e.fate.failed }

// Err returns the cause for which etcd cannot continue, nil while it can.
func (e *Etcd) Err() error { return e.fate.Err() }

// Stopped is closed when etcd has stopped, on its own or by Close.
func (e *Etcd) Stopped() <-chan struct{} { return e.Server.Server.StopNotify() }

// Close stops etcd and closes its files.
func (e *Etcd) Close() error {
	var err error
	if e.Client != nil {
		// The in-process client returns Canceled when it is closed normally.
		if err = e.Client.Close(); errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	if e.fate.Err() != nil {
		// To close the server would wait for the goroutine that has ended.
		return e.log.Close()
	}
	e.Server.Close()
	return errors.Join(err, e.log.Close())
}
