// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package app is muster-controller: its flags, and the order in which its parts start and
// stop. The loops that it runs are in package controller and below.
//
//	command.go  the command and its help
//	options.go  the flags, and which of them are refused
//	run.go      the loops, and the election of the process that runs them
//	health.go   health checks, open to all, and metrics, which are not
//
// [Run] may be called once in a process: feature gates and metrics are global.
package app
