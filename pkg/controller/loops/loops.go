// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package loops holds the list of all controllers, in which a new controller gets its row,
// and what each needs: muster-controller and the all-in-one run this list. A program that lacks
// something leaves out the controllers that need it: the all-in-one has no core API.
//
//	loops.go  the list
//	whole.go  stops the controllers while some records cannot be read
package loops

import (
	"fmt"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/agentaccess"
	"github.com/musterfleet/muster/pkg/controller/clustercleanup"
	"github.com/musterfleet/muster/pkg/controller/downstream"
	"github.com/musterfleet/muster/pkg/controller/mirror"
	"github.com/musterfleet/muster/pkg/controller/rollout"
	"github.com/musterfleet/muster/pkg/controller/schedule"
	"github.com/musterfleet/muster/pkg/controller/sweep"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
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
	// AgentAccess holds an operator's choices for the access of agents.
	AgentAccess agentaccess.Settings
	// Schedules lets Schedules open and close windows. Without it they have no effect.
	Schedules bool
}

// A registration takes a dozen requests, and ten thousand agents may register at once.
// Kube-apiserver's priority and fairness protects it better than a limit of the client does.
const (
	clientQPS   = 200
	clientBurst = 400
)

// Add adds to a manager the controllers for which the parts are sufficient.
func Add(m *controller.Manager, p Parts) error {
	add := func(name string, loop controller.Loop) { m.Add(name, whole(p.Engine, loop)) }
	add("rollout", rollout.New(p.Engine, p.Log))
	add("sweep", sweep.New(p.Engine, p.Log, sweep.DefaultOptions()))
	if p.Fleet == nil {
		return nil
	}
	fleet, err := versioned.NewForConfig(patient(p.Fleet))
	if err != nil {
		return fmt.Errorf("client of the fleet's API: %w", err)
	}
	if p.Schedules {
		add("schedule", schedule.New(schedule.Options{Engine: p.Engine, Client: fleet}))
	}
	if p.Core == nil {
		return nil
	}
	core, err := kubernetes.NewForConfig(patient(p.Core))
	if err != nil {
		return fmt.Errorf("client of the core API: %w", err)
	}
	objects, err := metadata.NewForConfig(patient(p.Core))
	if err != nil {
		return fmt.Errorf("client of the core API: %w", err)
	}
	add("mirror", mirror.New(mirror.Options{Engine: p.Engine, Log: p.Log, Core: core}))
	add("downstream", downstream.New(downstream.Options{Engine: p.Engine, Log: p.Log, Core: core, Metadata: objects}))
	add("agentaccess", agentaccess.New(agentaccess.Options{Settings: p.AgentAccess, Fleet: p.Engine, Core: core, Metadata: objects, Client: fleet}))
	add("clustercleanup", clustercleanup.New(clustercleanup.Options{Fleet: p.Engine, Metadata: objects, Client: fleet, Kept: p.AgentAccess.SystemNamespaces()}))
	return nil
}

func patient(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = clientQPS, clientBurst
	return rest.AddUserAgent(config, "muster-controller")
}
