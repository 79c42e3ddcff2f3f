// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package targeting decides whether one version of a Bundle targets one Cluster, and
// through which target and customizations (S 2.1 to 2.4). It also says under which
// selectors to file a Bundle, so that the engine can find the Bundles that an edit of a
// Cluster or of its groups may concern without asking each.
//
//	targets.go  all target lists of a Bundle's spec
//	entry.go    one entry with its criteria: does it match a Cluster?
//	cluster.go  Cluster, and its augmented labels
//	resolve.go  Resolve: the target and customizations of a Cluster
//	filing.go   Filings: the selectors to file
//
// # What it holds
//
// [Targets] are the compiled target lists of one Bundle spec. [Entry] is one compiled entry
// of any such list. [Cluster] is everything that targeting may know about a Cluster.
//
// # Promises
//
// Everything here is a pure function. [Targets] and [Entry] are immutable and safe for
// concurrent use. Of the spec that they were compiled from, they keep only the strings.
//
// A Bundle's answer for a Cluster is a function of the Cluster's augmented labels
// ([Augment]) and of its groups' labels. [Targets.Filings] is sound: if [Targets.Resolve]
// gives different answers for two states of a Cluster, then
//
//   - a filed Labels selector matches the augmented labels of one state and not those of
//     the other, or
//   - a filed GroupLabels selector matches the old or new labels of a group that was added,
//     removed or relabelled, or matches nil while the Cluster gained its first group or
//     lost its last one.
//
// That is enough because an entry sees a group's name only through clusterGroup, which the
// augmented labels carry, and its labels only through clusterGroupSelector. A group that no
// entry selects satisfies only criteria that every other group, or having no group,
// satisfies too. One such group is as good as another, so adding or removing one beside others
// changes nothing.
//
// # Costs
//
// With T targets and restrictions of C requirements each, and G groups of a Cluster:
//
//	Compile   O(T C)
//	Resolve   O(T C G), allocates only the list of customizations
//	          (with restrictions, also one for the groups that they admit)
//	Augment   O(labels + G), one map
package targeting
