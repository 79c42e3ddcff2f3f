// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package derive computes what Fleet's controllers would have written: the
// options that a Bundle version means on a Cluster (S 3), their deployment ID
// (S 4.2), and the BundleDeployment itself (S 5).
//
//	version.go           Version: a Bundle's version on Clusters
//	subject.go           a Cluster as templates see it
//	values.go            Helm values and their templates
//	merge.go             options of the Bundle and of a target
//	source.go            which manifest, and for which Kubernetes
//	mirrored.go          values from a Secret
//	copies.go            what an agent copies
//	content.go           Content: options and their deployment ID
//	memo.go              Contents that took long
//	identity.go          the deployment ID's way through YAML
//	yaml.go              YAML within bounds
//	work.go              what preparation may cost
//	costly.go            versions that work on no Cluster
//	reads.go             what an edit of a Cluster changes for templates
//	bundledeployment.go  the BundleDeployment
//	generation.go        its generation
//	servable.go          names that cannot be served
//
// Everything here is a pure function. There is no context, no clock, no log and
// no error: bad input is a value in the output, a Failure, with Fleet's text.
// Arguments are never written to. Results share what is immutable, above all
// the values of a chart: a BundleDeployment aliases the Content that it was made
// from, so nobody may write to either.
//
// # Cost
//
// A Version merges options once per targeting.Match, and evaluates what does not
// depend on the Cluster once; such a Content is one pointer for all Clusters. One that
// does depend on it costs the evaluation of its templates. All templates and values of a
// version have one budget on a Cluster, counted in units of work and never by a clock
// (package sandbox, work.go). The preparation of a match has a bound of twice as much.
// What exceeds a bound fails, with the field and the fix. A version that can work on no
// Cluster says so before it is written (Version.Excess). Contents that took long are kept
// for a while (Memo).
//
// Which edits of a Cluster call for an evaluation is known from the text of the templates
// (Version.Reads, Edited). BundleDeployment costs one JSON encoding of the small part of
// the spec, and the digest of a Content's options once for all Clusters.
//
// # Concurrency
//
// All functions and methods may be called from any goroutine at any time.
package derive
