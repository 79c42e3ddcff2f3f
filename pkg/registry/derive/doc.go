// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package derive computes what Fleet's controllers would write: the options that a Bundle
// version means on a Cluster (S 3), their deployment ID (S 4.2), and the BundleDeployment
// itself (S 5).
//
//	version.go           Version: a Bundle's version on Clusters
//	subject.go           a Cluster as templates see it
//	values.go            Helm values and their templates
//	merge.go             options of the Bundle and of a target
//	source.go            which manifest, and for which Kubernetes
//	mirrored.go          values that come from a Secret
//	copies.go            what an agent finds beside its BundleDeployments
//	content.go           Content: options and their deployment ID
//	memo.go              contents that took long to evaluate
//	identity.go          the deployment ID, as Fleet computes it through YAML
//	yaml.go              YAML within bounds
//	work.go              what preparation may cost
//	costly.go            versions that work on no Cluster
//	reads.go             what an edit of a Cluster changes for templates
//	bundledeployment.go  the BundleDeployment
//	generation.go        its generation
//	servable.go          names that cannot be served
//
// Everything here is a pure function. It takes no context, reads no clock and writes no
// log. Bad input is no error: it becomes a value in the output, a Failure with Fleet's
// text. Arguments are never written to. Results share what is immutable, above all the
// values of a chart. A BundleDeployment aliases the Content that it was built from, so
// neither may be written to.
//
// # Cost
//
// A Version merges options once for each targeting.Match, and evaluates once what does not
// depend on the Cluster; all Clusters share the pointer to such a Content. A Content that
// depends on the Cluster costs the evaluation of its templates. All templates and values of
// a version share one budget on a Cluster. It counts units of work and never reads a clock
// (package sandbox, work.go). Preparing a match may cost twice as much. What exceeds a
// bound fails, and the text names the field and the fix. Version.Excess finds a version
// that can work on no Cluster before it is written. A Memo keeps for a while what took
// long.
//
// The text of the templates shows which edits of a Cluster call for an evaluation
// (Version.Reads, Edited). BundleDeployment costs one JSON encoding of the small part of
// the spec. The digest of a Content's options is computed once for all Clusters.
//
// # Concurrency
//
// All functions and methods may be called from any goroutine at any time.
package derive
