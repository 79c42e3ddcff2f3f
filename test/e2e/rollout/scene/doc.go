// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scene holds what the tests of roll-outs play: 500 Clusters in three rings, one
// Bundle whose versions are numbered, agents that fail, recover and are busy, and operators
// who edit Clusters in the meantime.
//
//	fleet.go   the Clusters, the Bundle, and its strategy
//	agent.go   what an agent does about what it sees
//	table.go   what all agents saw last
//	editor.go  edits of labels, and Clusters that are paused for a while
//	people.go  makes these edits
//	play.go    what happens to the Bundle, in which order
//
// Random choices come from the source that the caller gives. Agents and the Table may be
// used from any goroutine; everything else belongs to one.
package scene
