// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/musterfleet/muster/pkg/registry/server"
)

// NewCommand returns the command muster-controller, which runs until ctx ends.
func NewCommand(ctx context.Context, out io.Writer) *cobra.Command {
	o := NewOptions()
	var version bool
	command := &cobra.Command{
		Use:   "muster-controller",
		Short: "Write promotions, mirrors and agents' rights, and remove unused records",
		Long: "muster-controller continues roll-outs, registers agents, and removes unused records.\n" +
			"While none runs, nothing is lost and no answer is wrong: roll-outs pause, and new agents wait.\n" +
			"Any number may run; a Lease decides which one works.",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return server.Components().Set()
		},
		RunE: func(*cobra.Command, []string) error {
			if version {
				_, err := fmt.Fprintln(out, "muster-controller", server.Version())
				return err
			}
			if err := logsapi.ValidateAndApply(o.Logs, utilfeature.DefaultFeatureGate); err != nil {
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
	cliflag.SetUsageAndHelpFunc(command, sets, 0)
	return command
}
