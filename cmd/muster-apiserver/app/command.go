// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc/grpclog"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/musterfleet/muster/cmd/muster-apiserver/app/preflight"
	"github.com/musterfleet/muster/cmd/program"
	"github.com/musterfleet/muster/pkg/etcdoptions"
)

// NewCommand returns the command muster-apiserver, which serves until ctx ends.
func NewCommand(ctx context.Context, out io.Writer) *cobra.Command {
	o := NewOptions()
	command := &cobra.Command{
		Use:   "muster-apiserver",
		Short: "Serve Fleet's API, fleet.cattle.io/v1alpha1, behind kube-aggregator",
		Long: "muster-apiserver serves Fleet's API, fleet.cattle.io/v1alpha1, behind kube-aggregator.\n" +
			"It has no state of its own: run as many replicas as you like on one etcd.\n\nCommands for its operator:",
	}
	program.Complete(command, o.Flags(), o.Logs, out, func() error { return Run(ctx, o) })
	for _, each := range []*cobra.Command{newPreflight(ctx, out), newReencrypt(ctx, out)} {
		// This works only before AddCommand: a command that has no help of its own inherits the
		// server's, which shows all flags of the server in sections and no commands.
		each.SetHelpFunc(each.HelpFunc())
		each.SetUsageFunc(each.UsageFunc())
		// With its own hook, cli.Run prints an error as text: an operator reads it, not a
		// collector of logs.
		each.PersistentPreRunE = command.PersistentPreRunE
		command.Long += fmt.Sprintf("\n  %-10s %s", each.Name(), each.Short)
		command.AddCommand(each)
	}
	return command
}

func newPreflight(ctx context.Context, out io.Writer) *cobra.Command {
	var kubeconfig, namespace string
	etcd := etcdoptions.New()
	command := &cobra.Command{
		Use:   "preflight",
		Short: "Say whether Muster can be installed in a cluster (and on an etcd, if --etcd-servers names one) and what prevents it; changes nothing",
		Long: "Say whether Muster can be installed in a cluster, and what prevents it. This changes nothing.\n\n" +
			"It looks at the version of Kubernetes, the aggregation layer, other servers of the group, and the two Secrets of the manifests with their\n" +
			"certificates. If --etcd-servers names members of etcd, it also asks each of them, with the client certificate of the Secret unless files are given.\n" +
			"Each line begins with \"ok:\", \"warning:\" or \"not ok:\". The exit code is 0 if no line says \"not ok\".",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error {
			rules := clientcmd.NewDefaultClientConfigLoadingRules()
			rules.ExplicitPath = kubeconfig
			config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
			if err != nil {
				return fmt.Errorf("--kubeconfig: %w", err)
			}
			// The lines of preflight say which member of etcd does not answer, and why.
			grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
			return preflight.Run(ctx, config, namespace, &etcd, out)
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig `file` of an administrator; kubectl's own if empty")
	command.Flags().StringVar(&namespace, "namespace", preflight.DefaultNamespace, "`namespace` of Muster and its Secrets")
	etcd.AddConnectionFlags(command.Flags())
	return command
}

func newReencrypt(ctx context.Context, out io.Writer) *cobra.Command {
	o := etcdoptions.New()
	var encryption etcdoptions.Encryption
	command := &cobra.Command{
		Use:          "reencrypt",
		Short:        "Rewrite all records with the first key of the encryption configuration; run it after a change of keys",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE:         func(*cobra.Command, []string) error { return reencrypt(ctx, &o, &encryption, out) },
	}
	o.AddConnectionFlags(command.Flags())
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	encryption.AddFlags(all)
	command.Flags().AddFlag(all.Lookup("encryption-provider-config"))
	return command
}
