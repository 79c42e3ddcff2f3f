// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/musterfleet/muster/pkg/registry/engine"
)

// EngineOptions say how far back clients may resume, and how often the state is audited.
type EngineOptions struct {
	// Window is for how long a revision is kept, in etcd at least and in memory at most.
	Window time.Duration
	// Memory bounds what history takes in memory.
	Memory resource.QuantityValue
	// SelfAudit is how often the state is compared with the records; 0 is never.
	SelfAudit time.Duration
}

func newEngineOptions() EngineOptions {
	defaults := engine.DefaultOptions()
	return EngineOptions{
		Window:    defaults.History.Window,
		Memory:    resource.QuantityValue{Quantity: *resource.NewQuantity(defaults.History.Bytes, resource.BinarySI)},
		SelfAudit: defaults.AuditEvery,
	}
}

// AddFlags adds the flags.
func (o *EngineOptions) AddFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.Window, "history-window", o.Window,
		"for how long clients that were away, also while this replica was down, go on where they were. Compaction leaves as much in etcd. "+
			"Those that were away for longer have to list again.")
	flags.Var(&o.Memory, "history-memory",
		"how much memory the history may take, by an estimate; what is oldest goes first, even inside of the window")
	flags.DurationVar(&o.SelfAudit, "self-audit-interval", o.SelfAudit,
		"how often some of the state is compared with what the records in etcd mean; a replica that finds a difference is not ready until it has "+
			"built its state anew. 0 is never.")
}

func (o *EngineOptions) validate() []error {
	var all []error
	if o.Window < time.Minute {
		all = append(all, fmt.Errorf("--history-window is %s: give 1m or more; a watch that breaks needs that long to come back", o.Window))
	}
	if o.Memory.Value() < 1<<20 {
		all = append(all, errors.New("--history-memory is below 1Mi: give a quantity such as 256Mi"))
	}
	if o.SelfAudit < 0 {
		all = append(all, errors.New("--self-audit-interval is negative: give a duration such as 10m, or 0 for never"))
	}
	return all
}

// apply sets them in the engine's options.
func (o *EngineOptions) apply(to *engine.Options) {
	to.History.Window, to.History.Bytes = o.Window, o.Memory.Value()
	to.AuditEvery = o.SelfAudit
}
