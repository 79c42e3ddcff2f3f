// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/garbage"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// Execute reads flags into options and runs muster until ctx ends. Help, the version and
// the ready line go to out.
func Execute(ctx context.Context, options *Options, args []string, out io.Writer) error {
	options.Out = out
	var verbosity int
	var version bool
	flags := pflag.NewFlagSet("muster", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.StringVar(&options.DataDir, "data-dir", options.DataDir, "`directory` that holds all data; made if missing")
	flags.StringVar(&options.BindAddress, "bind-address", options.BindAddress, "IP `address` to listen on")
	flags.IntVar(&options.SecurePort, "secure-port", options.SecurePort, "`port` to listen on; 0 takes a free one")
	flags.IntVarP(&verbosity, "v", "v", 0, "log `level`: 0 logs warnings and errors, 2 also normal operation, 4 and more helps with debugging")
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
	return Run(ctx, options)
}

// setVerbosity keeps the libraries' logs of normal work off the terminal at level 0.
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
