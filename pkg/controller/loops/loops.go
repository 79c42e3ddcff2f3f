// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package loops holds the list of all controllers, in which a new controller gets its row,
// and what each needs: muster-controller and the all-in-one run this list. A program that lacks
// something leaves out the controllers that need it: the all-in-one's core API has Secrets and
// ConfigMaps only.
//
//	loops.go    the list
//	chosen.go   which of them an operator wants: the flag --controllers
//	clients.go  what they reach the APIs with
//	whole.go    stops the controllers while some records cannot be read
package loops

import (
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/agentaccess"
	"github.com/musterfleet/muster/pkg/controller/clustercleanup"
	"github.com/musterfleet/muster/pkg/controller/clusterprofile"
	"github.com/musterfleet/muster/pkg/controller/dependents"
	"github.com/musterfleet/muster/pkg/controller/downstream"
	"github.com/musterfleet/muster/pkg/controller/mirror"
	"github.com/musterfleet/muster/pkg/controller/rollout"
	"github.com/musterfleet/muster/pkg/controller/schedule"
	"github.com/musterfleet/muster/pkg/controller/sweep"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// Parts holds what controllers need.
type Parts struct {
	// Engine is the running engine of this process, and Log the log that it follows.
	Engine *engine.Engine
	Log    *etcd.Log
	// Fleet reaches the fleet's API. nil leaves out the controllers that write to it.
	Fleet *rest.Config
	// Core reaches the core API. nil leaves out the controllers that need it.
	Core *rest.Config
	// Alone means that Core is the all-in-one's: no accounts, roles or labels of Namespaces,
	// and no garbage collector.
	Alone bool
	// AgentAccess holds an operator's choices for the access of agents.
	AgentAccess agentaccess.Settings
	// ClusterProfiles holds an operator's choices for the labels of a cluster inventory.
	ClusterProfiles clusterprofile.Settings
	// Controllers selects from the list.
	Controllers Chosen
}

// row is a controller of the list.
type row struct {
	// name is that of the controller in --controllers, in logs and in metrics.
	name string
	// disabled controllers run only if an operator names them.
	disabled bool
	// alone controllers are for the all-in-one, which cannot leave them out.
	alone bool
	needs need
	loop  func(Parts, clients) controller.Loop
}

// need lists what a controller needs besides the engine and its log.
type need int

const (
	nothingMore need = iota
	fleetAPI
	secrets // and ConfigMaps, of the core API
	coreAPI // all of it
)

var list = []row{
	{name: "rollout", loop: func(p Parts, _ clients) controller.Loop { return rollout.New(p.Engine, p.Log) }},
	{name: "sweep", loop: func(p Parts, _ clients) controller.Loop { return sweep.New(p.Engine, p.Log, sweep.DefaultOptions()) }},
	{name: "schedule", disabled: true, needs: fleetAPI, loop: func(p Parts, c clients) controller.Loop {
		return schedule.New(schedule.Options{Engine: p.Engine, Client: c.fleet})
	}},
	{name: "mirror", needs: secrets, loop: func(p Parts, c clients) controller.Loop {
		return mirror.New(mirror.Options{Engine: p.Engine, Log: p.Log, Core: c.core, SecretsOnly: p.Alone})
	}},
	{name: "downstream", needs: secrets, loop: func(p Parts, c clients) controller.Loop {
		return downstream.New(downstream.Options{Engine: p.Engine, Log: p.Log, Core: c.core, Metadata: c.metadata})
	}},
	{name: "dependents", alone: true, needs: secrets, loop: func(p Parts, c clients) controller.Loop {
		return dependents.New(dependents.Options{Engine: p.Engine, Metadata: c.metadata})
	}},
	{name: "agentaccess", needs: coreAPI, loop: func(p Parts, c clients) controller.Loop {
		return agentaccess.New(agentaccess.Options{Settings: p.AgentAccess, Fleet: p.Engine, Core: c.core, Metadata: c.metadata, Client: c.fleet})
	}},
	{name: "clustercleanup", needs: coreAPI, loop: func(p Parts, c clients) controller.Loop {
		return clustercleanup.New(clustercleanup.Options{Fleet: p.Engine, Metadata: c.metadata, Client: c.fleet, Kept: p.AgentAccess.SystemNamespaces()})
	}},
	{name: "clusterprofiles", disabled: true, needs: coreAPI, loop: func(p Parts, c clients) controller.Loop {
		return clusterprofile.New(clusterprofile.Options{Settings: p.ClusterProfiles, Engine: p.Engine, Client: c.fleet, Inventory: c.dynamic})
	}},
}

// Add adds to a manager the controllers that are chosen and for which the parts are
// sufficient.
func Add(m *controller.Manager, p Parts) error {
	reached, err := reach(p)
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.needs <= reached.suffice && (r.alone && p.Alone || !r.alone && p.Controllers.has(r)) {
			m.Add(r.name, whole(p.Engine, r.loop(p, reached)))
		}
	}
	return nil
}
