// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mirror copies into the log what the engine needs of the core API, so
// that views stay a function of the log:
//
//	labels of Namespaces       BundleNamespaceMappings select by them (S 2.5)
//	values Secrets of Bundles  what spec.valuesHash stands for (S 4.5)
//
// # Promises
//
// Nothing is written that the log says already. A Namespace without a mirror
// carries the label with its name and no other, so one that has no more needs no
// record. Namespaces that Fleet makes for agents are left out while they hold no
// Cluster: there are as many as Clusters, and no mapping has a use for them.
//
// Values are kept by their hash, and as long as a version of the Bundle needs them:
// the newest, the last that worked, or the one that a roll-out began with. So Secret
// and Bundle may be updated in either order, and a Secret that is lost takes nothing
// with it; what it held goes when no version needs it. Only what belongs to a Bundle
// with a valuesHash is copied. Records of Secrets are encrypted if the operator
// encrypts Secrets.
//
// A mirror is written with a plan (engine.PlanNamespace, engine.PlanValues), guarded
// by what it looked at, as a write of a client is. It follows the core API within
// moments, not at once: a Bundle that was just mapped to a Namespace by a label given
// a moment before gets there when the mirror does.
//
// # Costs
//
// One watch of Namespaces and one of Secrets of one type; memory for the labels and
// the values. A change costs one transaction. Namespaces take turns, and one whose labels
// or Secret change again and again is mirrored more rarely, as it was last (package queue).
//
// Run may be called again when it has returned, and beside another process that
// does the same.
package mirror
