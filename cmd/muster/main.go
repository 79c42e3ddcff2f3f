// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster is the all-in-one: etcd, engine and API server of Muster in one
// process, for one machine. See package allinone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/allinone"
	"github.com/musterfleet/muster/pkg/garbage"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// adjust changes how the registry is set up, for tests alone.
var adjust func(*registry.Config)

func main() {
	// The first SIGTERM or SIGINT ends the context, the second the process.
	if err := run(genericapiserver.SetupSignalContext(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "muster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	options := allinone.Options{AdjustRegistry: adjust, Out: out}
	var verbosity int
	var version bool
	flags := pflag.NewFlagSet("muster", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.StringVar(&options.DataDir, "data-dir", allinone.DefaultDataDir, "`directory` that holds everything; made if missing")
	flags.StringVar(&options.BindAddress, "bind-address", allinone.DefaultBindAddress, "IP `address` to listen on")
	flags.IntVar(&options.SecurePort, "secure-port", allinone.DefaultSecurePort, "`port` to listen on; 0 takes a free one")
	flags.IntVarP(&verbosity, "v", "v", 0, "log `level`: 0 is warnings and errors only, 2 what a running server does, 4 and more for debugging")
	flags.BoolVar(&version, "version", false, "print the version and exit")
	flags.Usage = func() {
		fmt.Fprintf(out, "muster serves Fleet's API, fleet.cattle.io/v1alpha1, from one process.\n\nUsage:\n  muster [flags]\n\nFlags:\n%s", flags.FlagUsages())
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case err != nil:
		return fmt.Errorf("%w (muster --help lists the flags)", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unknown argument %q (muster --help lists the flags)", strings.Join(flags.Args(), " "))
	case version:
		_, err := fmt.Fprintln(out, "muster", server.Version())
		return err
	}
	if err := setVerbosity(verbosity); err != nil {
		return err
	}
	garbage.Limit()
	return allinone.Run(ctx, options)
}

// setVerbosity keeps what libraries tell about their normal work off the
// terminal, unless it is asked for.
func setVerbosity(level int) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	settings := [][2]string{{"v", strconv.Itoa(level)}}
	if level == 0 {
		settings = append(settings,
			[2]string{"legacy_stderr_threshold_behavior", "false"},
			[2]string{"stderrthreshold", "WARNING"})
	}
	for _, setting := range settings {
		if err := flags.Set(setting[0], setting[1]); err != nil {
			return fmt.Errorf("-v %d: %w", level, err)
		}
	}
	return nil
}
