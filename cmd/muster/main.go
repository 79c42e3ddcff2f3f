// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster is the all-in-one: etcd, engine and API server of Muster in one
// process, for one machine. See its package app.
package main

import (
	"fmt"
	"os"

	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/musterfleet/muster/cmd/muster/app"
)

// options are the defaults. Tests change them.
var options = app.NewOptions()

func main() {
	// The first SIGTERM or SIGINT ends the context, the second the process.
	if err := app.Execute(genericapiserver.SetupSignalContext(), options, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "muster:", err)
		os.Exit(1)
	}
}
