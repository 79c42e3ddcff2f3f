// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/musterfleet/muster/pkg/registry/endpoints"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/metrics"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

// DefaultPrefix is the prefix of Muster's keys in etcd unless an operator names another.
const DefaultPrefix = "/muster"

// Config holds what New needs to wire a Pipeline.
type Config struct {
	Client *clientv3.Client
	// Prefix is the prefix of all keys in etcd; empty means DefaultPrefix.
	Prefix string
	// Encryption encrypts records at rest; nil stores them plain.
	Encryption etcd.Option
	// Engine starts from engine.DefaultOptions. New sets its observers.
	Engine engine.Options
	// Reports bounds what each agent may report; nil sets no bound.
	Reports *storage.Allowance
	// GarbageCollection honours propagation policies that only the cluster's garbage
	// collector can carry out.
	GarbageCollection bool
}

// Pipeline is the wired pipeline of the package's comment. Controllers use its Log and
// Engine only.
type Pipeline struct {
	Log    *etcd.Log
	Engine *engine.Engine

	config   Config
	metrics  *metrics.Metrics
	activity *storage.Activity
}

// New wires the log and the engine. They do nothing until Run.
func New(c Config) *Pipeline {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	p := &Pipeline{config: c, metrics: metrics.Process(), activity: new(storage.Activity)}
	options := []etcd.Option{etcd.GroupsObservedBy(p.metrics.Groups())}
	if c.Encryption != nil {
		options = append(options, c.Encryption)
	}
	p.Log = etcd.New(c.Client, c.Prefix, options...)
	c.Engine.Observers = p.metrics.Observers()
	p.Engine = engine.New(p.Log, c.Engine)
	return p
}

// Run follows etcd until ctx ends. The process's metrics show this pipeline while it runs;
// of several that run they show the last.
func (p *Pipeline) Run(ctx context.Context) {
	defer p.metrics.Show(p.Engine, p.activity)()
	_ = p.Engine.Run(ctx) // it ends only with its context
}

// NewServer returns an API server on the pipeline. The caller sets Generic, Informers and
// Core of config. Run must outlive the requests to the server.
func (p *Pipeline) NewServer(config server.Config) (*genericapiserver.GenericAPIServer, error) {
	var err error
	config.Storage, err = endpoints.New(endpoints.Config{
		Engine: p.Engine, Log: p.Log, Scheme: server.Scheme, Codecs: server.Codecs,
		Activity: p.activity, Reports: p.config.Reports, GarbageCollection: p.config.GarbageCollection,
	})
	if err != nil {
		return nil, err
	}
	config.Ready, config.Reached, config.Unready = p.Engine.Ready, p.Engine.Reached, p.Engine.Unready
	config.Refused = p.activity.NoteRefused
	return server.New(config)
}
