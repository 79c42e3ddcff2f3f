// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command agent-simulator plays the agents of all Clusters of a server: they report, and
// deploy nothing. `make run` starts it for the example fleet. It does what muster-agent
// --simulate does, and builds without the Helm SDK.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/musterfleet/muster/pkg/agent/simulate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "agent-simulator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var play simulate.Play
	kubeconfig := pflag.String("kubeconfig", ".muster/kubeconfig", "kubeconfig of the server")
	play.AddFlags(pflag.CommandLine)
	pflag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	return play.Run(ctx, config, os.Stdout, os.Stderr)
}
