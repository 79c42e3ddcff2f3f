// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command muster-controller writes the records that no client writes: promotions,
// mirrors, the agents' rights, sweeps. Any number may run; one works. See its package
// app, and package controller.
package main

import (
	"github.com/musterfleet/muster/cmd/muster-controller/app"
	"github.com/musterfleet/muster/cmd/program"
)

func main() { program.Main(app.NewCommand) }
