// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster-agent is an agent to test with: it deploys what Muster, or Fleet,
// computes for one Cluster, and reports. With --simulate it plays many agents that
// only report. See packages agent and simulate.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/test/agent/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "muster-agent:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	options := agent.Options{}
	var play simulate.Play
	var upstream, downstream, cluster string
	flags := pflag.NewFlagSet("muster-agent", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.StringVar(&upstream, "upstream-kubeconfig", "", "kubeconfig of the server that BundleDeployments are read from and reported to")
	flags.StringVar(&options.Namespace, "namespace", "", "the Cluster's namespace there; default: that of the kubeconfig's context")
	flags.StringVar(&cluster, "cluster", "", "the Cluster that heartbeats are for, as NAMESPACE/NAME; without it there are none")
	flags.StringVar(&downstream, "kubeconfig", "", "kubeconfig of the cluster to deploy to")
	flags.StringVar(&options.Own, "agent-namespace", "cattle-fleet-system", "what the agent is known by in that cluster; agents that share one need one each")
	flags.DurationVar(&options.Monitor, "monitor-every", agent.DefaultMonitor, "how often to look for drift")
	flags.DurationVar(&options.Collect, "collect-every", agent.DefaultCollect, "how often to look for releases that nothing asks for any more")
	flags.IntVar(&play.Most, "simulate", 0, "play so many agents at most, which only report; see the flags below")
	play.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, namespace, err := load("--upstream-kubeconfig", upstream)
	if err != nil {
		return err
	}
	if flags.Changed("simulate") {
		return play.Run(ctx, config, os.Stdout, os.Stderr)
	}
	options.Upstream = config
	if options.Namespace == "" {
		options.Namespace = namespace
	}
	if options.Downstream, _, err = load("--kubeconfig", downstream); err != nil {
		return err
	}
	if cluster != "" {
		workspace, name, found := strings.Cut(cluster, "/")
		if !found || workspace == "" || name == "" {
			return fmt.Errorf("--cluster %q does not name a Cluster: give it as NAMESPACE/NAME", cluster)
		}
		options.Cluster = types.NamespacedName{Namespace: workspace, Name: name}
	}
	options.Heartbeat, options.FirstHeartbeat, options.Workers = play.Heartbeat, play.FirstHeartbeat, min(play.Workers, maxWorkers)
	options.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	a, err := agent.New(options)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// maxWorkers bounds what is deployed at the same time: each has a chart in memory.
const maxWorkers = 8

// load reads a kubeconfig, and the namespace of its context.
func load(flag, path string) (*rest.Config, string, error) {
	if path == "" {
		return nil, "", fmt.Errorf("%s is missing: name a kubeconfig", flag)
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: path}, nil)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", flag, path, err)
	}
	config.QPS = -1 // the server says what is too much
	namespace, _, err := loader.Namespace()
	return config, namespace, err
}
