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

	"github.com/musterfleet/muster/pkg/agent/wire"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// Options says how simulated agents behave.
type Options struct {
	// Delay is how long a deployment takes, on average: each takes between half of it
	// and half as much again.
	Delay time.Duration
	// ReadyAfter is how long it takes after that until the objects are ready. 0 says
	// both in one report.
	ReadyAfter time.Duration
	// FailureRate is the part of all deployments that fail at first, between 0 and 1.
	FailureRate float64
	// Recover is how long a failure lasts. 0 is for ever.
	Recover time.Duration
	// DependencyRetry is how long an agent waits for what a Bundle depends on before it
	// looks again.
	DependencyRetry time.Duration
	// RestartEvery is how often one of the agents ends and starts again. 0 is never.
	RestartEvery time.Duration
	// Heartbeat is how often an agent says that it is alive. 0 is never.
	Heartbeat time.Duration
	// FirstHeartbeat is when it says so first.
	FirstHeartbeat time.Duration
	// Resources is how many deployed objects a report lists.
	Resources int
	// Workers is how many reconciles run at the same time.
	Workers int
	// OneWatch watches all namespaces at once instead of each agent its own.
	OneWatch bool
	// Seed decides what fails.
	Seed uint64
	// Outcome, unless it is nil, decides instead: it is asked once for each attempt
	// to deploy, from several goroutines.
	Outcome func(bd *v1alpha1.BundleDeployment, attempt int) Outcome
}

// DefaultOptions are those of a fleet in which all goes well.
func DefaultOptions() Options {
	return Options{
		Delay: 500 * time.Millisecond, Recover: 10 * time.Second, DependencyRetry: 15 * time.Second,
		Heartbeat: 15 * time.Minute, FirstHeartbeat: 15 * time.Second, Resources: 3, Workers: 32, Seed: 1,
	}
}

// AddFlags adds a flag for each option.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.Delay, "delay", o.Delay, "how long a simulated deployment takes, on average")
	flags.DurationVar(&o.ReadyAfter, "ready-after", o.ReadyAfter, "how long it takes after that until its objects are ready; 0 says both in one report")
	flags.Float64Var(&o.FailureRate, "failure-rate", o.FailureRate, "part of all deployments that fail at first, between 0 and 1")
	flags.DurationVar(&o.Recover, "recover", o.Recover, "how long a simulated failure lasts; 0 is for ever")
	flags.DurationVar(&o.DependencyRetry, "dependency-retry", o.DependencyRetry, "how long an agent waits for what a Bundle depends on before it looks again")
	flags.DurationVar(&o.RestartEvery, "restart-every", o.RestartEvery, "how often one of the agents ends and starts again; 0 is never")
	flags.DurationVar(&o.Heartbeat, "heartbeat", o.Heartbeat, "how often an agent says that it is alive; 0 is never")
	flags.DurationVar(&o.FirstHeartbeat, "first-heartbeat", o.FirstHeartbeat, "when an agent says so first")
	flags.IntVar(&o.Resources, "resources", o.Resources, "deployed objects that a report lists")
	flags.IntVar(&o.Workers, "workers", o.Workers, "reconciles that run at the same time")
	flags.BoolVar(&o.OneWatch, "cluster-wide-watch", o.OneWatch, "watch all namespaces at once, which saves connections and needs the rights of an administrator")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "decides which deployments fail")
}

// Validate returns what is wrong with options that a caller has typed.
func (o *Options) Validate() error {
	switch {
	case o.FailureRate < 0 || o.FailureRate > 1:
		return fmt.Errorf("--failure-rate %v is not a part of all: give a number between 0 and 1", o.FailureRate)
	case o.Workers < 1:
		return fmt.Errorf("--workers %d does nothing: give at least 1", o.Workers)
	case o.Resources < 0:
		return fmt.Errorf("--resources %d is not a number of objects: give 0 or more", o.Resources)
	case o.DependencyRetry <= 0:
		return fmt.Errorf("--dependency-retry %v would look without end: give more than 0", o.DependencyRetry)
	case o.Delay < 0 || o.ReadyAfter < 0 || o.Recover < 0 || o.RestartEvery < 0 || o.Heartbeat < 0 || o.FirstHeartbeat < 0:
		return errors.New("--delay, --ready-after, --recover, --restart-every, --heartbeat and --first-heartbeat cannot be negative: give 0 or more")
	}
	return nil
}

// Agent is the Cluster that an agent stands for.
type Agent struct {
	// Cluster names it.
	Cluster types.NamespacedName
	// Namespace is where its BundleDeployments are.
	Namespace string
	// Upstream, unless it is nil, is this agent's own way to the server, with its own
	// credentials.
	Upstream *wire.Upstream
}

// Select reads which Clusters there are: those that a label selector selects, or
// those of a list of NAMESPACE/NAME separated by commas, or all; at most most of
// them, unless that is 0, in the order of their names.
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
		return nil, fmt.Errorf("there is no cluster %s with a namespace: give existing ones as NAMESPACE/NAME", name)
	}
	slices.SortFunc(agents, func(a, b Agent) int { return strings.Compare(a.Cluster.String(), b.Cluster.String()) })
	if most > 0 && len(agents) > most {
		agents = agents[:most]
	}
	return agents, nil
}
