// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/musterfleet/muster/cmd/muster-apiserver/app/preflight"
	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// NewCommand returns the command muster-apiserver, which serves until ctx ends.
func NewCommand(ctx context.Context, out io.Writer) *cobra.Command {
	o := NewOptions()
	var version bool
	command := &cobra.Command{
		Use:   "muster-apiserver",
		Short: "Serve Fleet's API, fleet.cattle.io/v1alpha1, behind kube-aggregator",
		Long: "muster-apiserver serves Fleet's API, fleet.cattle.io/v1alpha1, behind kube-aggregator.\n" +
			"It has no state of its own: run as many replicas as you like on one etcd.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: false,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return server.Components().Set()
		},
		RunE: func(*cobra.Command, []string) error {
			if version {
				return printVersion(out)
			}
			if err := logsapi.ValidateAndApply(o.Logs, featureGate()); err != nil {
				return err
			}
			return Run(ctx, o)
		},
	}
	sets := o.Flags()
	sets.FlagSet("generic").BoolVar(&version, "version", false, "print the version and exit")
	for _, set := range sets.FlagSets {
		command.Flags().AddFlagSet(set)
	}
	command.Flags().SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	// The server's help shows flags in sections and no commands. A command without its own
	// help would inherit it, with all flags of the server.
	help, usage := command.HelpFunc(), command.UsageFunc()
	cliflag.SetUsageAndHelpFunc(command, sets, 0)
	command.Long += "\n\nCommands for its operator:"
	for _, each := range []*cobra.Command{newPreflight(ctx, out), newReencrypt(ctx, out)} {
		each.SetHelpFunc(help)
		each.SetUsageFunc(usage)
		// With its own hook, cli.Run prints an error as text: an operator reads it, not a
		// collector of logs.
		each.PersistentPreRunE = command.PersistentPreRunE
		command.Long += fmt.Sprintf("\n  %-10s %s", each.Name(), each.Short)
		command.AddCommand(each)
	}
	return command
}

// featureGate returns the gate that decides on alpha options of logging.
func featureGate() featuregate.FeatureGate {
	return server.Components().FeatureGateFor(server.Component)
}

func printVersion(out io.Writer) error {
	_, err := fmt.Fprintln(out, "muster-apiserver", server.Version())
	return err
}

func newPreflight(ctx context.Context, out io.Writer) *cobra.Command {
	var kubeconfig string
	etcd := etcdoptions.New()
	command := &cobra.Command{
		Use:          "preflight",
		Short:        "Say whether Muster can be installed in a cluster (and on an etcd, if --etcd-servers names one) and what prevents it; changes nothing",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error {
			rules := clientcmd.NewDefaultClientConfigLoadingRules()
			rules.ExplicitPath = kubeconfig
			config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
			if err != nil {
				return fmt.Errorf("--kubeconfig: %w", err)
			}
			return preflight.Run(ctx, config, &etcd, func(format string, args ...any) {
				fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
			})
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig `file` of an administrator; kubectl's own if empty")
	etcd.AddConnectionFlags(command.Flags())
	return command
}

func newReencrypt(ctx context.Context, out io.Writer) *cobra.Command {
	o := NewReencryptOptions()
	command := &cobra.Command{
		Use:          "reencrypt",
		Short:        "Rewrite all records with the first key of the encryption configuration; run it after a change of keys",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error {
			return Reencrypt(ctx, o, out)
		},
	}
	o.AddFlags(command.Flags())
	return command
}
