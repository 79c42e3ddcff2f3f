// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package helm puts a Bundle into a cluster with the Helm SDK, as Fleet's agent does.
//
//	chart.go     the resources of a Bundle as a chart
//	force.go     all objects into one namespace, if the Bundle says so
//	deployer.go  install, upgrade, uninstall
//	releases.go  which releases there are, and whose they are
//	final.go     errors that trying again does not mend
//	getter.go    what Helm wants to know of the cluster
//
// A release carries the name of its BundleDeployment, and of the agent, in the
// annotations of its chart. So the cluster itself says what is to be removed, and an
// agent that has lost everything else finds what it has deployed.
//
// A Deployer may be used from several goroutines, for different releases.
package helm
