// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package helm puts a Bundle into a cluster with the Helm SDK, as Fleet's agent does.
//
//	chart.go     the resources of a Bundle as a chart
//	force.go     all objects into one namespace, if the Bundle says so
//	deployer.go  install, upgrade, uninstall
//	releases.go  the existing releases, and their owners
//	final.go     errors that another attempt does not fix
//	getter.go    Helm's access to the cluster
//
// The annotations of a release's chart hold the names of its BundleDeployment and of its
// agent. So the cluster itself says which releases have to be removed, and an agent that
// has lost everything else finds what it deployed.
//
// A Deployer may be used from several goroutines, for different releases.
package helm
