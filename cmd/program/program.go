// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package program holds what muster-apiserver and muster-controller share: how a process
// starts and ends, and a command with flags by theme, --version and logs.
//
// A process has one such command: feature gates and logs are global.
package program

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/cli"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo"

	"github.com/musterfleet/muster/pkg/registry/server"
)

// Main runs a command and ends the process. The first SIGTERM or SIGINT ends the command's
// context, the second the process.
func Main(command func(ctx context.Context, out io.Writer) *cobra.Command) {
	utilruntime.Must(logsapi.AddFeatureGates(utilfeature.DefaultMutableFeatureGate))
	os.Exit(cli.Run(command(genericapiserver.SetupSignalContext(), os.Stdout)))
}

// Complete makes command run a server. Its flags are those of sets and --version.
func Complete(command *cobra.Command, sets cliflag.NamedFlagSets, logs *logs.Options, out io.Writer, run func() error) {
	var version bool
	sets.FlagSet("generic").BoolVar(&version, "version", false, "print the version and exit")
	command.Args, command.SilenceUsage = cobra.NoArgs, true
	command.PersistentPreRunE = func(*cobra.Command, []string) error { return server.Components().Set() }
	command.RunE = func(*cobra.Command, []string) error {
		if version {
			_, err := fmt.Fprintln(out, command.Name(), server.Version())
			return err
		}
		if err := logsapi.ValidateAndApply(logs, utilfeature.DefaultFeatureGate); err != nil {
			return err
		}
		return run()
	}
	for _, set := range sets.FlagSets {
		command.Flags().AddFlagSet(set)
	}
	command.Flags().SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	cliflag.SetUsageAndHelpFunc(command, sets, 0)
}

// AddFlags adds the flags of one theme to sets, without those that the program withholds.
func AddFlags(sets *cliflag.NamedFlagSets, theme string, add func(*pflag.FlagSet), withheld ...string) {
	all := pflag.NewFlagSet(theme, pflag.ContinueOnError)
	add(all)
	all.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(withheld, f.Name) {
			sets.FlagSet(theme).AddFlag(f)
		}
	})
}

// OwnNamespace returns the namespace of the pod, or that of the manifests outside of a pod.
func OwnNamespace() string {
	data, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if name := strings.TrimSpace(string(data)); err == nil && name != "" {
		return name
	}
	return "muster-system"
}
