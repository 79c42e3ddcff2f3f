// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster-apiserver is Muster's API server for a cluster. It is stateless: any
// number of replicas run behind kube-aggregator. See its
// package app.
package main

import (
	"os"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/cli"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	"github.com/musterfleet/muster/cmd/muster-apiserver/app"
)

func main() {
	utilruntime.Must(logsapi.AddFeatureGates(utilfeature.DefaultMutableFeatureGate))
	// The first SIGTERM or SIGINT ends the context, the second the process.
	os.Exit(cli.Run(app.NewCommand(genericapiserver.SetupSignalContext(), os.Stdout)))
}
