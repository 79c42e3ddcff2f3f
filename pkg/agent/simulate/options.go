// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// Options set how simulated agents behave.
type Options struct {
	// Delay is the average time of a deployment: each takes between 0.5 and 1.5 times as
	// long.
	Delay time.Duration
	// ReadyAfter is the time from then until the objects are ready. With 0, one report says
	// both.
	ReadyAfter time.Duration
	// FailureRate is the share of deployments that fail at first, between 0 and 1.
	FailureRate float64
	// Recover is how long a failure lasts. With 0 it lasts for ever.
	Recover time.Duration
	// DependencyRetry is the time between two checks of a Bundle's dependencies.
	DependencyRetry time.Duration
	// RestartEvery is the time between two restarts of an agent. 0 disables restarts.
	RestartEvery time.Duration
	// Heartbeat is the time between two heartbeats of an agent. 0 disables them.
	Heartbeat time.Duration
	// FirstHeartbeat is the time from the start of an agent to its first heartbeat.
	FirstHeartbeat time.Duration
	// Resources is the number of deployed objects that a report lists.
	Resources int
	// Workers is the number of reconciles that run at the same time.
	Workers int
	// OneWatch makes one watch follow all namespaces, in place of a watch for each agent.
	OneWatch bool
	// Seed decides which deployments fail.
	Seed uint64
	// Outcome, unless it is nil, decides instead. It is called once for each attempt to
	// deploy, from several goroutines.
	Outcome func(bd *v1alpha1.BundleDeployment, attempt int) Outcome
}

// DefaultOptions returns the options of a fleet in which every deployment succeeds.
func DefaultOptions() Options {
	return Options{
		Delay: 500 * time.Millisecond, Recover: 10 * time.Second, DependencyRetry: 15 * time.Second,
		Heartbeat: 15 * time.Minute, FirstHeartbeat: 15 * time.Second, Resources: 3, Workers: 32, Seed: 1,
	}
}

// AddFlags adds a flag for each option that is not a function.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.Delay, "delay", o.Delay, "average time of a simulated deployment")
	flags.DurationVar(&o.ReadyAfter, "ready-after", o.ReadyAfter, "time from then until its objects are ready; 0 reports both at once")
	flags.Float64Var(&o.FailureRate, "failure-rate", o.FailureRate, "share of the deployments that fail at first, between 0 and 1")
	flags.DurationVar(&o.Recover, "recover", o.Recover, "how long a simulated failure lasts; 0 means for ever")
	flags.DurationVar(&o.DependencyRetry, "dependency-retry", o.DependencyRetry, "time between two checks of a Bundle's dependencies")
	flags.DurationVar(&o.RestartEvery, "restart-every", o.RestartEvery, "time between two restarts of an agent; 0 disables restarts")
	flags.DurationVar(&o.Heartbeat, "heartbeat", o.Heartbeat, "time between two heartbeats of an agent; 0 disables them")
	flags.DurationVar(&o.FirstHeartbeat, "first-heartbeat", o.FirstHeartbeat, "time from the start of an agent to its first heartbeat")
	flags.IntVar(&o.Resources, "resources", o.Resources, "number of deployed objects that a report lists")
	flags.IntVar(&o.Workers, "workers", o.Workers, "number of reconciles that run at the same time")
	flags.BoolVar(&o.OneWatch, "cluster-wide-watch", o.OneWatch, "watch all namespaces at once, which saves connections and needs the rights of an administrator")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "seed that decides which deployments fail")
}

// Validate returns an error for flags that cannot work.
func (o *Options) Validate() error {
	switch {
	case o.FailureRate < 0 || o.FailureRate > 1:
		return fmt.Errorf("--failure-rate %v is not a share: give a number between 0 and 1", o.FailureRate)
	case o.Workers < 1:
		return fmt.Errorf("--workers %d does nothing: give at least 1", o.Workers)
	case o.Resources < 0:
		return fmt.Errorf("--resources %d is not a number of objects: give 0 or more", o.Resources)
	case o.DependencyRetry <= 0:
		return fmt.Errorf("--dependency-retry %v would never pause: give more than 0", o.DependencyRetry)
	case o.Delay < 0 || o.ReadyAfter < 0 || o.Recover < 0 || o.RestartEvery < 0 || o.Heartbeat < 0 || o.FirstHeartbeat < 0:
		return errors.New("--delay, --ready-after, --recover, --restart-every, --heartbeat and --first-heartbeat cannot be negative: give 0 or more")
	}
	return nil
}

// Agent identifies the Cluster that an agent stands for.
type Agent struct {
	Cluster types.NamespacedName
	// Namespace holds its BundleDeployments.
	Namespace string
	// Upstream is this agent's own client; nil means the one that all share.
	Upstream *upstream.Client
}

// Select returns an agent for each Cluster that the label selector and the comma-separated
// list of NAMESPACE/NAME select; each of these selects all if it is empty. The agents come in
// the order of the Clusters' names, and are at most most, unless that is 0.
func Select(ctx context.Context, config *rest.Config, selector, list string, most int) ([]Agent, error) {
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			wanted[name] = true
		}
	}
	client, err := versioned.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	clusters, err := client.FleetV1alpha1().Clusters(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("listing clusters: %w", err)
	}
	agents := []Agent{}
	for i := range clusters.Items {
		c := &clusters.Items[i]
		name := types.NamespacedName{Namespace: c.Namespace, Name: c.Name}
		if list != "" && !wanted[name.String()] || c.Status.Namespace == "" {
			continue
		}
		delete(wanted, name.String())
		agents = append(agents, Agent{Cluster: name, Namespace: c.Status.Namespace})
	}
	for name := range wanted {
		return nil, fmt.Errorf("cluster %s does not exist or has no namespace: give existing ones as NAMESPACE/NAME", name)
	}
	slices.SortFunc(agents, func(a, b Agent) int { return strings.Compare(a.Cluster.String(), b.Cluster.String()) })
	if most > 0 && len(agents) > most {
		agents = agents[:most]
	}
	return agents, nil
}
