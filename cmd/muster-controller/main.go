// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster-controller writes what Muster must write and nobody asks it to:
// promotions, mirrors, the agents' rights, sweeps. Any number may run; one works. See
// packages aggregated and controller.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/cli"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	"github.com/musterfleet/muster/pkg/aggregated"
	"github.com/musterfleet/muster/pkg/registry/server"
)

func main() {
	utilruntime.Must(logsapi.AddFeatureGates(utilfeature.DefaultMutableFeatureGate))
	// The first SIGTERM or SIGINT ends the context, the second the process.
	os.Exit(cli.Run(newCommand(genericapiserver.SetupSignalContext(), os.Stdout)))
}

func newCommand(ctx context.Context, out io.Writer) *cobra.Command {
	o := aggregated.NewControllerOptions()
	var version bool
	command := &cobra.Command{
		Use:   "muster-controller",
		Short: "Write what Muster must write: promotions, mirrors, agents' rights, sweeps",
		Long: "muster-controller carries roll-outs on, lets agents in, and sweeps what nothing needs any more.\n" +
			"Without it nothing is lost and nothing is wrong: what is held back stays so, and new agents wait.\n" +
			"Any number may run; a Lease says which one works.",
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
			return aggregated.RunController(ctx, o)
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
