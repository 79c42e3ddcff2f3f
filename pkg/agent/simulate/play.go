// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/agent/upstream"
)

// Play holds the flags of a run: which agents run, and for how long.
type Play struct {
	Options
	// Most limits the number of agents; with 0 each Cluster gets one.
	Most int
	// Selector and List select the Clusters: see Select.
	Selector, List string
	// For is the duration of the run; with 0 it lasts until it is stopped.
	For time.Duration
	// Every is the time between two summaries; with 0 only the end has one.
	Every time.Duration
}

// AddFlags adds a flag for each member except Most.
func (p *Play) AddFlags(flags *pflag.FlagSet) {
	p.Options = DefaultOptions()
	p.Options.AddFlags(flags)
	flags.StringVar(&p.Selector, "cluster-selector", "", "label selector of the Clusters that get a simulated agent")
	flags.StringVar(&p.List, "clusters", "", "the Clusters that get a simulated agent, as NAMESPACE/NAME,...")
	flags.DurationVar(&p.For, "for", 0, "duration of the simulation; 0 means until it is interrupted")
	flags.DurationVar(&p.Every, "summary-every", 0, "time between two summaries of what the agents have done; 0 means only one at the end")
}

// Run plays the agents until ctx ends or the time is up, and writes summaries to out.
func (p *Play) Run(ctx context.Context, config *rest.Config, out, log io.Writer) error {
	if err := p.Validate(); err != nil {
		return err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // each real agent is a process with its own limit
	agents, err := Select(ctx, config, p.Selector, p.List, p.Most)
	if err != nil {
		return err
	}
	if len(agents) == 0 {
		return errors.New("no selected Cluster has a namespace: create one, or see --cluster-selector and --clusters")
	}
	up, err := upstream.New(config)
	if err != nil {
		return err
	}
	if p.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.For)
		defer cancel()
	}
	fleet := New(up, agents, p.Options, log)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		fleet.Run(ctx)
	}()
	fmt.Fprintf(out, "%d agents run\n", len(agents))
	var tick <-chan time.Time
	if p.Every > 0 {
		ticker := time.NewTicker(p.Every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-tick:
			fmt.Fprintln(out, fleet.Stats())
		case <-ended:
			fmt.Fprintln(out, fleet.Stats())
			return nil
		}
	}
}
