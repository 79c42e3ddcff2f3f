// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package targeting decides whether one version of a Bundle targets one Cluster,
// and through which target and customizations: S 2.1 to 2.4. It also says under
// which selectors to file a Bundle, so that the engine can tell without asking
// which Bundles an edit of a Cluster or of its groups may concern.
//
//	targets.go  Targets
//	entry.go    Entry
//	cluster.go  Cluster, and its augmented labels
//	resolve.go  Resolve: the target and customizations of a Cluster
//	filing.go   Filings: the selectors to file
//
// # What it holds
//
// [Targets] is the compiled target lists of one Bundle spec, [Entry] one compiled
// entry of any such list, [Cluster] all that targeting may know of a Cluster.
//
// # Promises
//
// Everything here is a pure function. [Targets] and [Entry] are immutable and safe
// for concurrent use; they keep nothing of the spec that they were compiled from
// but its strings.
//
// A Bundle's answer for a Cluster is a function of the Cluster's augmented labels
// ([Augment]) and of its groups' labels. [Targets.Filings] is sound: if
// [Targets.Resolve] gives different answers for two states of a Cluster, then
//
//   - a filed Labels selector matches the augmented labels of one state and not of
//     the other, or
//   - a filed GroupLabels selector matches the labels, old or new, of a group that
//     came, went or was relabelled, or matches nil while the Cluster got its first
//     group or lost its last one.
//
// Why that is enough: an entry sees a group's name only through clusterGroup, which
// the augmented labels carry, and its labels only through clusterGroupSelector. A
// group that came or went and that no entry notices satisfies only what every other
// group satisfies too, or what no group at all does; and because matching asks for
// some group, adding or removing the weakest of several changes nothing.
//
// # Costs
//
// With T targets and restrictions, of C requirements each, and G groups of a Cluster:
//
//	Compile   O(T C)
//	Resolve   O(T C G), and no allocation but the list of customizations
//	          (with restrictions, one more for the groups that they admit)
//	Augment   O(labels + G), one map
package targeting
