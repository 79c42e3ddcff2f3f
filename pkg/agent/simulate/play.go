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

	"github.com/musterfleet/muster/pkg/agent/wire"
)

// Play holds the flags of a run: which agents, and how long.
type Play struct {
	Options
	// Most is how many agents there are at most; 0 is one for each Cluster.
	Most int
	// Selector and List say for which Clusters: see Select.
	Selector, List string
	// For is how long it continues; 0 is until it is stopped.
	For time.Duration
	// Every is how often it says what it has done; 0 is only at the end.
	Every time.Duration
}

// AddFlags adds a flag for each member but Most.
func (p *Play) AddFlags(flags *pflag.FlagSet) {
	p.Options = DefaultOptions()
	p.Options.AddFlags(flags)
	flags.StringVar(&p.Selector, "cluster-selector", "", "label selector of the Clusters that get a simulated agent")
	flags.StringVar(&p.List, "clusters", "", "the Clusters that get a simulated agent, as NAMESPACE/NAME,...")
	flags.DurationVar(&p.For, "for", 0, "how long to simulate; 0 is until interrupted")
	flags.DurationVar(&p.Every, "summary-every", 0, "how often to say what the agents have done; 0 is at the end only")
}

// Run plays the agents until ctx or the time ends, and says what they did.
func (p *Play) Run(ctx context.Context, config *rest.Config, out, log io.Writer) error {
	if err := p.Validate(); err != nil {
		return err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // each agent is a process of its own, in truth
	agents, err := Select(ctx, config, p.Selector, p.List, p.Most)
	if err != nil {
		return err
	}
	if len(agents) == 0 {
		return errors.New("no Cluster has a namespace and is selected: make one, or see --cluster-selector and --clusters")
	}
	up, err := wire.New(config)
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
