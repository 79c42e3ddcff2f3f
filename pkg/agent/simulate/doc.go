// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulate plays many agents in one process. They send the server everything that
// an agent sends (package upstream), and do nothing in a cluster: after some time they report
// that they have deployed, and sometimes that they have failed.
//
//	fleet.go    the agents, their watches, and the queue that they share
//	behave.go   what an agent reports about a BundleDeployment, drift included, and when
//	report.go   the status of a report
//	stats.go    what the agents have done, in numbers
//	options.go  flags, and the selection of Clusters
//	play.go     a run from the command line
//
// # What it promises
//
// A simulated agent behaves like a real one. It obeys paused, offSchedule and
// waitingForValues, and waits for dependencies. It reports only versions that it was given
// to deploy; after a restart, it reports one again only if the server does not know. It
// sends no report that says nothing new. Failures depend on the seed and on what is
// deployed where, not on timing.
//
// # What it costs
//
// An agent with a watch of its own costs some five goroutines and one HTTP/2 stream;
// with Options.OneWatch all share one watch, which only an administrator may have.
// Each BundleDeployment is kept once.
package simulate
