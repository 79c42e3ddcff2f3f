// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulate plays many agents in one process. They do all that an agent says
// to the server (package wire) and nothing in a cluster: after some time they report
// that they have deployed, and sometimes that they have failed.
//
//	fleet.go    the agents, their watches, and the queue that they share
//	behave.go   what an agent says of a BundleDeployment, and when
//	report.go   the status that says it
//	stats.go    what is counted
//	options.go  flags, and which Clusters there are
//	play.go     a run, as a person asks for it
//
// # What it promises
//
// A simulated agent is as honest as a real one: it obeys paused, offSchedule and
// waitingForValues, waits for what it depends on, reports only what it has been
// told to deploy, does so again after a restart only if the server does not know,
// and sends no report that says nothing new. Whether something fails depends on the
// seed and on what is deployed where, not on timing.
//
// # What it costs
//
// An agent with a watch of its own costs some five goroutines and one HTTP/2 stream;
// with Options.OneWatch all share one watch, which only an administrator may have.
// Each BundleDeployment is kept once.
package simulate
