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

// EngineOptions bound how far back clients may resume, and set how often the state is
// audited.
type EngineOptions struct {
	// Window is how long a revision is kept: in etcd at least, in memory at most.
	Window time.Duration
	// Memory is the most memory that the history may take.
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
		"how long a client may be away, or this replica be down, before the client has to list again instead of resuming its watches. "+
			"Compaction leaves as much history in etcd.")
	flags.Var(&o.Memory, "history-memory",
		"about how much memory the history may take; the oldest revisions are dropped first, even within --history-window")
	flags.DurationVar(&o.SelfAudit, "self-audit-interval", o.SelfAudit,
		"how often a part of the state is compared with the records in etcd. A replica that finds a difference is not ready until it has "+
			"rebuilt its state. 0 is never.")
}

func (o *EngineOptions) validate() []error {
	var all []error
	if o.Window < time.Minute {
		all = append(all, fmt.Errorf("--history-window is %s: give 1m or more; a broken watch needs that long to resume", o.Window))
	}
	if o.Memory.Value() < 1<<20 {
		all = append(all, errors.New("--history-memory is below 1Mi: give a quantity such as 256Mi"))
	}
	if o.SelfAudit < 0 {
		all = append(all, errors.New("--self-audit-interval is negative: give a duration such as 10m, or 0 for never"))
	}
	return all
}

// apply copies the options to the engine's.
func (o *EngineOptions) apply(to *engine.Options) {
	to.History.Window, to.History.Bytes = o.Window, o.Memory.Value()
	to.AuditEvery = o.SelfAudit
}
