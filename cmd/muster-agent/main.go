// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster-agent deploys what Muster, or Fleet, computes for one Cluster, and
// reports. With --simulate it plays many agents that only report. See packages agent and
// simulate.
package main

import (
	"cmp"
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

	"github.com/musterfleet/muster/cmd/muster-agent/agent"
	"github.com/musterfleet/muster/pkg/agent/simulate"
	"github.com/musterfleet/muster/pkg/agent/upstream"
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
	var server, downstream, cluster, registration string
	var applicant upstream.Applicant
	flags := pflag.NewFlagSet("muster-agent", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.StringVar(&server, "upstream-kubeconfig", "", "kubeconfig of the server that BundleDeployments are read from and reported to")
	flags.StringVar(&options.Namespace, "namespace", "", "the Cluster's namespace there; default: that of the kubeconfig's context")
	flags.StringVar(&cluster, "cluster", "", "the Cluster that the agent sends heartbeats for, as NAMESPACE/NAME; without it the agent sends none")
	flags.StringVar(&registration, "registration", "", "in place of the three flags above: file with the values that a ClusterRegistrationToken yields, to register with; the cluster to deploy to keeps the credentials")
	flags.StringVar(&applicant.ID, "client-id", "", "ID to register with; default: the UID of the cluster's namespace kube-system")
	flags.StringToStringVar(&applicant.Labels, "labels", nil, "labels to register with, for a Cluster that does not exist yet")
	flags.StringVar(&downstream, "kubeconfig", "", "kubeconfig of the cluster to deploy to")
	flags.StringVar(&options.Own, "agent-namespace", "cattle-fleet-system", "namespace that identifies the agent in that cluster; agents that share a cluster need different ones")
	flags.DurationVar(&options.Monitor, "monitor-every", agent.DefaultMonitor, "time between two looks for drift")
	flags.DurationVar(&options.Collect, "collect-every", agent.DefaultCollect, "time between two looks for unused releases")
	flags.IntVar(&play.Most, "simulate", 0, "play at most so many agents, which only report; see the flags below")
	play.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	options.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	if registration != "" {
		for _, other := range []string{"upstream-kubeconfig", "namespace", "cluster", "simulate"} {
			if flags.Changed(other) {
				return fmt.Errorf("--registration and --%s contradict each other: leave one of them out", other)
			}
		}
		if err := enrol(ctx, &options, registration, downstream, applicant); err != nil {
			return err
		}
	} else {
		var err error
		var namespace string
		if options.Upstream, namespace, err = load("--upstream-kubeconfig", server); err != nil {
			return err
		}
		if flags.Changed("simulate") {
			return play.Run(ctx, options.Upstream, os.Stdout, os.Stderr)
		}
		options.Namespace = cmp.Or(options.Namespace, namespace)
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
	}
	options.Heartbeat, options.FirstHeartbeat, options.Workers = play.Heartbeat, play.FirstHeartbeat, min(play.Workers, maxWorkers)
	a, err := agent.New(options)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// enrol sets the options that a registration yields: the server, the namespace and the
// Cluster.
func enrol(ctx context.Context, options *agent.Options, registration, downstream string, applicant upstream.Applicant) error {
	text, err := os.ReadFile(registration)
	if err != nil {
		return fmt.Errorf("--registration: %w", err)
	}
	invitation, err := upstream.ReadInvitation(text)
	if err != nil {
		return fmt.Errorf("--registration %s: %w", registration, err)
	}
	if options.Downstream, _, err = load("--kubeconfig", downstream); err != nil {
		return err
	}
	credential, err := agent.Enrol(ctx, agent.Enrolment{
		Invitation: invitation, Downstream: options.Downstream, Own: options.Own, Applicant: applicant, Log: options.Log,
	})
	if err != nil {
		return err
	}
	options.Upstream, options.Namespace, options.Cluster = credential.Config, credential.Namespace, credential.Cluster
	return nil
}

// maxWorkers bounds the number of deployments at the same time: each has a chart in memory.
const maxWorkers = 8

// load returns the configuration of a kubeconfig, and the namespace of its context.
func load(flag, path string) (*rest.Config, string, error) {
	if path == "" {
		return nil, "", fmt.Errorf("%s is missing: name a kubeconfig", flag)
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: path}, nil)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", flag, path, err)
	}
	config.QPS = -1 // the server limits the rate
	namespace, _, err := loader.Namespace()
	return config, namespace, err
}
