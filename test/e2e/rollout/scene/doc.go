// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scene holds what the tests of roll-outs play: 500 Clusters in three rings, one
// Bundle whose versions are numbered, agents that fail, recover and are busy, and
// people who edit Clusters meanwhile.
//
//	fleet.go   the Clusters, the Bundle, and its strategy
//	agent.go   what an agent does about what it is told
//	table.go   what all agents were told last
//	editor.go  edits of labels, and Clusters that are paused for a while
//	people.go  makes these edits
//	play.go    what happens to the Bundle, in which order
//
// What is random comes from the source that the caller gives. Agents and the Table
// may be asked from any goroutine; all else belongs to one.
package scene
