// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mirror copies two things from the core API into the log, so that views remain a
// function of the log:
//
//	labels of Namespaces       BundleNamespaceMappings select by them (S 2.5)
//	values Secrets of Bundles  the values that spec.valuesHash stands for (S 4.5)
//
// Its files:
//
//	mirror.go   the queue, and how a plan is written
//	follow.go   which mirrors a change in the log concerns
//	outside.go  the watches of the core API
//	sync.go     what a mirror should say
//
// # Promises
//
// Nothing is written that the log already says. A Namespace without a mirror counts as
// having the label with its name and no other, so a Namespace without further labels needs
// no record. A Namespace that Fleet made for an agent is left out while it holds no Cluster:
// one exists for each Cluster, and no mapping selects them.
//
// Values are stored by their hash for as long as a version of the Bundle needs them: the
// newest version, the last that worked, or the one with which a roll-out began. So a Secret
// and its Bundle may be updated in either order. Where a Secret is lost, its values remain
// until no version needs them. Only the Secret of a Bundle with a valuesHash is copied. Records
// of Secrets are encrypted if the operator encrypts Secrets.
//
// A mirror is written with a plan (engine.PlanNamespace, engine.PlanValues) that is guarded
// by what it looked at, like the write of a client. It follows the core API within moments,
// not at once: a new label of a Namespace maps Bundles to it as soon as it is mirrored.
//
// # Costs
//
// The package watches Namespaces and the Secrets of one type, and holds the labels and the
// values in memory. A change costs one transaction. Namespaces take turns. One whose labels
// or Secret change all the time is mirrored more rarely, with its latest content (package
// queue).
//
// # Concurrency
//
// Run may be called again after it has returned. Two processes may mirror at a time.
package mirror
