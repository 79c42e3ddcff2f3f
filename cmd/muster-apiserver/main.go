// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster-apiserver is Muster's API server for a cluster. It is stateless: any
// number of replicas run behind kube-aggregator. See its package app.
package main

import (
	"github.com/musterfleet/muster/cmd/muster-apiserver/app"
	"github.com/musterfleet/muster/cmd/program"
)

func main() { program.Main(app.NewCommand) }
